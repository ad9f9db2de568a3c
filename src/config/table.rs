//! The table of all settings: the one place that names them.
//!
//! It drives reading, the check for unknown keys, the order of problems and the settings table of `docs/settings.md`. Adding a setting means
//! adding a row here and reading it in `sections.rs`; nothing is checked or read here.

use super::setting::{Kind, Reach, Setting, Unset};

/// Every setting, in the order of `design.md` §2.
pub fn settings() -> &'static [Setting] {
    TABLE
}

macro_rules! table {
    ($($name:ident: $kind:expr, $unset:expr, $reach:ident $($secret:ident)?, $example:literal, $meaning:literal, $meaning_zh:literal;)+) => {
        $(pub(super) const $name: Setting = Setting {
            name: stringify!($name),
            kind: $kind,
            unset: $unset,
            reach: Reach::$reach,
            secret: !stringify!($($secret)?).is_empty(),
            example: $example,
            meaning: $meaning,
            meaning_zh: $meaning_zh,
        };)+
        static TABLE: &[Setting] = &[$($name),+];
    };
}

table! {
    CONFIG_FILE: Kind::Text, Unset::Nothing, EnvironmentOnly, "sls-to-langfuse.toml",
        "A TOML file with further settings; a relative path starts at FC_FUNC_CODE_PATH, else at the working directory. The environment wins over it",
        "存放其他设置的 TOML 文件；相对路径以 FC_FUNC_CODE_PATH 为起点，未设置时以工作目录为起点。环境变量优先于文件";
    CONFIG_TOML: Kind::Text, Unset::Nothing, EnvironmentOnly secret, "mapping = { user = ['request_header.x-user-id', 'consumer'] }",
        "The text of such a file, for few lines without one. It wins over CONFIG_FILE, table by table and key by key",
        "与该文件格式相同的文本，内容不多时可不用文件。优先于 CONFIG_FILE，按表、按键覆盖";
    LANGFUSE_HOST: Kind::Text, Unset::Refused, Anywhere, "https://cloud.langfuse.com",
        "Address of the Langfuse server; a path prefix is allowed",
        "Langfuse 服务器地址，可带路径前缀";
    LANGFUSE_BASE_URL: Kind::Text, Unset::Nothing, Anywhere, "https://cloud.langfuse.com",
        "Another name for LANGFUSE_HOST; if both are set they must agree",
        "LANGFUSE_HOST 的别名；两者同时设置时必须一致";
    LANGFUSE_PUBLIC_KEY: Kind::Text, Unset::Refused, Anywhere secret, "pk-lf-your-public-key",
        "Public key of the Langfuse project",
        "Langfuse 项目的公钥";
    LANGFUSE_SECRET_KEY: Kind::Text, Unset::Refused, Anywhere secret, "sk-lf-your-secret-key",
        "Secret key of the Langfuse project",
        "Langfuse 项目的私钥";
    LANGFUSE_SDK_TIMEOUT: Kind::Number, Unset::Default("30"), Anywhere, "30",
        "Longest time for one request to Langfuse, in seconds, at most 900",
        "单次请求 Langfuse 的最长时间，单位秒，最大 900";
    LANGFUSE_INGESTION: Kind::Choice(&["auto", "otlp", "batch"]), Unset::Default("auto"), Anywhere, "otlp",
        "Which API of Langfuse receives the data; auto decides by the server's version",
        "使用 Langfuse 的哪个接口写入数据；auto 按服务器版本决定";
    LANGFUSE_TRACING_ENABLED: Kind::Switch, Unset::Default("true"), Anywhere, "true",
        "false: records are counted as skipped and not delivered, and the position moves on (to pause, disable the trigger instead)",
        "设为 false 时，日志计为跳过且不投递，消费位点继续前进（如需暂停，请停用触发器）";
    LANGFUSE_SAMPLE_RATE: Kind::Number, Unset::Default("1.0"), Anywhere, "0.25",
        "Share of traces to deliver, 0 to 1, decided by the trace id as the Langfuse SDKs do; errors, refusals and slow calls of own traces are always delivered",
        "投递的 Trace 比例，取值 0 到 1，与 Langfuse SDK 一样按 Trace ID 决定；自有 Trace 中的错误、被拒绝的调用与慢调用始终投递";
    LANGFUSE_TRACING_ENVIRONMENT: Kind::Text, Unset::Nothing, Anywhere, "production",
        "Environment shown in Langfuse; none: Langfuse's default",
        "在 Langfuse 中显示的环境名；不设置则使用 Langfuse 的默认值";
    LANGFUSE_RELEASE: Kind::Text, Unset::Nothing, Anywhere, "2026-09-01",
        "Release shown in Langfuse, at most 200 characters",
        "在 Langfuse 中显示的发布版本，最多 200 个字符";
    OTEL_EXPORTER_OTLP_COMPRESSION: Kind::Choice(&["gzip", "none"]), Unset::Default("gzip"), Anywhere, "gzip",
        "Compression of the requests to Langfuse",
        "发往 Langfuse 的请求的压缩方式";
    TRACE_OWNERSHIP: Kind::Choice(&["auto", "own", "join"]), Unset::Default("auto"), Anywhere, "join",
        "Whose the traces are: own = ours, join = an application's; auto joins where the gateway logged a parent",
        "Trace 归属：own 归本函数，join 归应用；auto 表示网关日志带父 Span 时加入应用的 Trace";
    JOIN_USAGE: Kind::Choice(&["usage", "metadata"]), Unset::Default("usage"), Anywhere, "metadata",
        "Token counts of joined observations: as usage, or as metadata where the application counts the same call",
        "加入应用 Trace 时 Token 用量的写法：usage 计入用量；应用已统计同一调用时用 metadata 避免重复";
    PRICE_REGION: Kind::Choice(&["cn", "intl"]), Unset::Default("cn"), Anywhere, "intl",
        "Whose list prices the cost is calculated with: cn = mainland China, intl = elsewhere; a model without a price there is charged at the other",
        "按哪里的目录价计算费用：cn 为中国内地，intl 为国际；该处没有价格的模型按另一处计算";
    CNY_PER_USD: Kind::Number, Unset::Default("7.1"), Anywhere, "7.25",
        "How many CNY one USD costs, for prices in CNY; Langfuse shows USD",
        "1 美元折合多少人民币，用于以人民币标价的模型；Langfuse 以美元显示";
    PRICES_FILE: Kind::Text, Unset::Nothing, Anywhere, "prices.toml",
        "A JSON or TOML file with your own prices, tried before the shipped ones, also for models that Langfuse prices itself",
        "存放自有价格的 JSON 或 TOML 文件，优先于内置价格表，对 Langfuse 自带价格的模型同样生效";
    MODEL_ALIASES: Kind::List, Unset::Nothing, Anywhere, "my-chat=qwen-plus,my-coder=qwen3-coder-plus",
        "Names of models under other names, as alias=model separated by commas: only to find the price, Langfuse still shows the logged name",
        "模型的别名，写作 别名=模型，逗号分隔：仅用于查找价格，Langfuse 中仍显示日志里的名称";
    CONTENT_POLICY: Kind::Choice(&["full", "masked", "lengths", "none"]), Unset::Default("full"), Anywhere, "full",
        "How much of prompts and answers is sent to Langfuse",
        "向 Langfuse 发送多少提示词与回答内容";
    SLS_ENDPOINT: Kind::Text, Unset::Nothing, Anywhere, "https://cn-hangzhou-intranet.log.aliyuncs.com",
        "Replaces the SLS endpoint of the event; none: the event's",
        "替换事件中的 SLS 接入点；不设置则使用事件中的接入点";
    SLS_ALLOWED_ENDPOINTS: Kind::List, Unset::Nothing, Anywhere, "sls.example.com,10.0.0.8",
        "Further endpoint hosts to trust beside Alibaba Cloud's own: exact hosts separated by commas, on any port",
        "除阿里云官方接入点外另行信任的主机：精确主机名，逗号分隔，端口不限";
    SLS_PLAIN_HTTP: Kind::Switch, Unset::Default("false"), Anywhere, "true",
        "true: do not upgrade Alibaba Cloud's http endpoints to https",
        "设为 true 时，不把阿里云的 http 接入点升级为 https";
    SLS_SIGNATURE_VERSION: Kind::Choice(&["auto", "v1", "v4"]), Unset::Default("auto"), Anywhere, "v1",
        "Version of the SLS request signature; auto: V1 unless the endpoint demands V4",
        "SLS 请求签名版本；auto 表示除非接入点要求 V4，否则使用 V1";
    SLS_REGION: Kind::Text, Unset::Nothing, Anywhere, "cn-hangzhou",
        "Region for signature V4 where the endpoint does not name it; none: the region of the call",
        "接入点不含地域信息时，V4 签名使用的地域；不设置则使用调用所在地域";
    DEAD_LETTER_LOGSTORE: Kind::Text, Unset::Nothing, Anywhere, "langfuse-dead-letters",
        "Logstore of the same project for pointers to records that cannot be delivered; none: only to the log",
        "存放无法投递记录之指针的 Logstore（同一 Project）；不设置则只写入函数日志";
    GIVE_UP_AFTER: Kind::Text, Unset::Default("6h"), Anywhere, "6h",
        "Age after which a record that keeps failing while others are accepted is given up: a duration, or off",
        "其他记录正常写入而某条记录持续失败时，超过该时长即放弃；取值为时长或 off";
    ALIBABA_CLOUD_ACCESS_KEY_ID: Kind::Text, Unset::Nothing, Anywhere secret, "your-access-key-id",
        "Access key for SLS outside Function Compute; there the credentials of each call win",
        "在函数计算之外访问 SLS 的 AccessKey ID；在函数计算中以每次调用的凭证为准";
    ALIBABA_CLOUD_ACCESS_KEY_SECRET: Kind::Text, Unset::Nothing, Anywhere secret, "your-access-key-secret",
        "Secret of that access key",
        "该 AccessKey 的 Secret";
    ALIBABA_CLOUD_SECURITY_TOKEN: Kind::Text, Unset::Nothing, Anywhere secret, "your-security-token",
        "Security token, if the access key is a temporary one",
        "临时 AccessKey 对应的 STS 令牌";
    SSL_CERT_FILE: Kind::Text, Unset::Nothing, Anywhere, "/code/private-ca.pem",
        "PEM file with further trusted root certificates for Langfuse, beside the bundled ones",
        "PEM 文件，访问 Langfuse 时在内置根证书之外额外信任的根证书";
    HTTPS_PROXY: Kind::Text, Unset::Nothing, EnvironmentOnly secret, "http://proxy.example.com:3128",
        "Proxy for https requests to Langfuse, never for SLS",
        "以 https 访问 Langfuse 时使用的代理，绝不用于 SLS";
    HTTP_PROXY: Kind::Text, Unset::Nothing, EnvironmentOnly secret, "http://proxy.example.com:3128",
        "Proxy for http requests to Langfuse, never for SLS",
        "以 http 访问 Langfuse 时使用的代理，绝不用于 SLS";
    ALL_PROXY: Kind::Text, Unset::Nothing, EnvironmentOnly secret, "http://proxy.example.com:3128",
        "Proxy for every request to Langfuse, never for SLS",
        "访问 Langfuse 的所有请求使用的代理，绝不用于 SLS";
    NO_PROXY: Kind::List, Unset::Nothing, EnvironmentOnly, "localhost,.internal.example.com",
        "Hosts that are reached without the proxy",
        "不经代理访问的主机";
    LOG_FORMAT: Kind::Choice(&["json", "human"]), Unset::Nothing, Anywhere, "json",
        "Form of the log; none: json in a function, human on a terminal",
        "日志格式；不设置时，函数中为 json，终端上为 human";
    RUST_LOG: Kind::List, Unset::Default("info"), EnvironmentOnly, "info,sls_to_langfuse::sls=debug",
        "Log levels of this program: a level, or module=level, separated by commas; dependencies never log more than warnings",
        "本程序的日志级别：级别或 模块=级别，逗号分隔；依赖库最多输出警告";
    TZ: Kind::Text, Unset::Default("UTC"), EnvironmentOnly, "Asia/Shanghai",
        "Time zone for display on a terminal; times in data and logs stay in UTC",
        "终端显示所用的时区；数据与日志中的时间始终为 UTC";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_setting_stands_twice() {
        let names: BTreeSet<_> = settings().iter().map(|setting| setting.name).collect();
        assert_eq!(names.len(), settings().len());
    }

    #[test]
    fn every_setting_is_explained_in_one_line_of_each_language() {
        for setting in settings() {
            assert!(setting.meaning.is_ascii() && !setting.meaning.contains(['\n', '|']), "{}", setting.name);
            assert!(!setting.meaning_zh.is_ascii() && !setting.meaning_zh.contains(['\n', '|']), "{}", setting.name);
            assert!(!setting.meaning.ends_with('.') && !setting.meaning_zh.ends_with('。'), "{}", setting.name);
        }
    }

    #[test]
    fn the_table_holds_the_names_of_the_contract() {
        let names: Vec<_> = settings().iter().map(|setting| setting.name).collect();
        for name in [
            "LANGFUSE_HOST",
            "LANGFUSE_BASE_URL",
            "LANGFUSE_PUBLIC_KEY",
            "LANGFUSE_SECRET_KEY",
            "LANGFUSE_SDK_TIMEOUT",
            "LANGFUSE_INGESTION",
            "LANGFUSE_TRACING_ENABLED",
            "LANGFUSE_SAMPLE_RATE",
            "LANGFUSE_TRACING_ENVIRONMENT",
            "LANGFUSE_RELEASE",
            "OTEL_EXPORTER_OTLP_COMPRESSION",
            "TRACE_OWNERSHIP",
            "JOIN_USAGE",
            "PRICE_REGION",
            "CNY_PER_USD",
            "PRICES_FILE",
            "MODEL_ALIASES",
            "CONTENT_POLICY",
            "SLS_ENDPOINT",
            "SLS_ALLOWED_ENDPOINTS",
            "SLS_PLAIN_HTTP",
            "SLS_SIGNATURE_VERSION",
            "SLS_REGION",
            "DEAD_LETTER_LOGSTORE",
            "GIVE_UP_AFTER",
            "ALIBABA_CLOUD_ACCESS_KEY_ID",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
            "ALIBABA_CLOUD_SECURITY_TOKEN",
            "SSL_CERT_FILE",
            "HTTPS_PROXY",
            "NO_PROXY",
            "LOG_FORMAT",
            "RUST_LOG",
            "TZ",
            "CONFIG_FILE",
            "CONFIG_TOML",
        ] {
            assert!(names.contains(&name), "{name}");
        }
    }

    #[test]
    fn examples_are_written_as_toml_by_kind() {
        assert_eq!(SLS_ALLOWED_ENDPOINTS.example_in_file(), r#"sls_allowed_endpoints = ["sls.example.com", "10.0.0.8"]"#);
        assert_eq!(SLS_PLAIN_HTTP.example_in_file(), "sls_plain_http = true");
        assert_eq!(LANGFUSE_INGESTION.example_in_file(), r#"langfuse_ingestion = "otlp""#);
    }
}
