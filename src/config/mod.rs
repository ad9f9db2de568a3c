//! What the operator decides: variables and a file in, the settings of every module out, or every problem at once.
//!
//! The only reader of the process environment; each module owns the struct that is filled here and knows no variable. One schema for the
//! file and the environment, `design.md` §2 "Settings": default < file < environment. A value that does not parse stops the start.
//!
//! `table` names the flat settings and `tables` those that are tables of the file, `reader` finds values, `rules` judges them, `sections` puts them into their structs, `problem` says what is
//! wrong. Nothing here opens a connection, prints, or keeps state.

mod certificates;
mod effective;
mod example;
mod file;
mod log;
mod nearest;
mod not_yet;
mod parameter_filter;
mod parameters;
mod platform;
mod problem;
mod reader;
mod reference;
mod rules;
mod schema;
mod sections;
mod setting;
mod table;
mod tables;
mod variables;

use std::time::Duration;

pub use effective::{Effective, EffectiveKey, Value, effective, effective_tables};
pub use example::example;
pub use log::{LogFormat, LogSettings};
pub use parameters::{ParameterError, apply_parameter_member, apply_parameters, filter_of_parameter_member};
pub use platform::{Platform, platform};
pub use problem::{Place, Problem, Problems};
pub use reference::{Language, reference};
pub use schema::schema;
pub use setting::{Kind, Reach, Setting, Unset};
pub use table::settings;
pub use tables::{Entry, Form, Key, Member, Need, Node, Shape, TableKind, Text, tables};
pub use variables::{FileSystem, Files, ProcessEnvironment, Variables};

use crate::delivery::connection::ConnectionSettings;
use crate::delivery::destination::DestinationSettings;
use crate::secret::Credentials;
use crate::select::Selection;
use crate::sls::endpoint::EndpointSettings;
use crate::sls::signing::SignatureSettings;
use crate::trace::settings::TraceSettings;
use reader::{Keys, Reader};

/// Everything that was decided for this process.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The Langfuse projects, by the numbers that routes have for them; at least one.
    pub destinations: Vec<DestinationSettings>,
    /// Which records go where.
    pub selection: Selection,
    /// The way to them.
    pub connection: ConnectionSettings,
    /// Which SLS endpoints are trusted.
    pub endpoint: EndpointSettings,
    /// How SLS requests are signed.
    pub signature: SignatureSettings,
    /// What traces look like.
    pub trace: TraceSettings,
    /// `DEAD_LETTER_LOGSTORE`.
    pub dead_letter_logstore: Option<String>,
    /// `GIVE_UP_AFTER`; None: never.
    pub give_up_after: Option<Duration>,
    /// `ALIBABA_CLOUD_*`. On Function Compute these are a stale copy of the function's role: the headers of each call win
    /// (`reference/function-compute.md` §2).
    pub credentials: Option<Credentials>,
    /// Our own log.
    pub log: LogSettings,
}

/// Reads the whole configuration. Relative paths start at `FC_FUNC_CODE_PATH` where that is set, else at the working directory.
///
/// # Errors
/// [`Problems`]: everything that is wrong, never only the first.
pub fn load(variables: &dyn Variables, files: &dyn Files) -> Result<Config, Problems> {
    whole(Reader::open(variables, files))
}

/// As [`load`], for a run that sends nothing: keys of Langfuse projects are not looked at, and neither they nor an address need be set. The
/// destinations can be named and counted, not sent to.
///
/// # Errors
/// [`Problems`]: everything else that is wrong.
pub fn load_without_keys(variables: &dyn Variables, files: &dyn Files) -> Result<Config, Problems> {
    let mut reader = Reader::open(variables, files);
    reader.langfuse_keys = Keys::NotNeeded;
    whole(reader)
}

/// As [`load`], for a run that reads nothing from SLS: the key pair of SLS is not looked at, and none is in what comes out.
///
/// # Errors
/// [`Problems`]: everything else that is wrong.
pub fn load_without_sls_keys(variables: &dyn Variables, files: &dyn Files) -> Result<Config, Problems> {
    let mut reader = Reader::open(variables, files);
    reader.sls_keys = Keys::NotNeeded;
    whole(reader)
}

fn whole(mut reader: Reader<'_>) -> Result<Config, Problems> {
    match sections::config(&mut reader) {
        Some(config) if reader.is_content() => Ok(config),
        _ => Err(reader.into_problems()),
    }
}

/// Reads only what decides which records go where, and the names that routes have numbers for: no keys, and nothing is said about other
/// settings.
///
/// # Errors
/// [`Problems`]: everything that is wrong among these tables and in the file.
pub fn load_rules(variables: &dyn Variables, files: &dyn Files) -> Result<(Selection, Vec<String>), Problems> {
    let mut reader = Reader::open(variables, files);
    reader.langfuse_keys = Keys::NotNeeded;
    match sections::destinations(&mut reader) {
        (Some(destinations), selection) if reader.is_content() => {
            let name = |one: &DestinationSettings| one.name.clone().unwrap_or_else(|| tables::DEFAULT_DESTINATION.to_owned());
            Ok((selection, destinations.iter().map(name).collect()))
        }
        _ => Err(reader.into_problems()),
    }
}

/// Reads only what decides how traces look: neither host nor keys need be set, and nothing is said about them.
///
/// # Errors
/// [`Problems`]: everything that is wrong among these settings and in the file.
pub fn load_trace(variables: &dyn Variables, files: &dyn Files) -> Result<TraceSettings, Problems> {
    let mut reader = Reader::open(variables, files);
    match sections::trace(&mut reader) {
        Some(trace) if reader.is_content() => Ok(trace),
        _ => Err(reader.into_problems()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::PathBuf;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::delivery::destination::{Compression, IngestionApi};
    use crate::masking::{ContentPolicy, ContentSettings};
    use crate::trace::prices::{PriceBook, PriceSettings, Region};
    use crate::trace::settings::{JoinUsage, Ownership};

    const PRICES: &str = "[[price]]\npattern = 'my-model'\ncurrency = 'USD'\ntiers = [{ input = 1, output = 2 }]\n";

    type Environment = BTreeMap<String, String>;
    type Disk = BTreeMap<PathBuf, Vec<u8>>;

    const REQUIRED: [(&str, &str); 3] =
        [("LANGFUSE_HOST", "https://langfuse.example"), ("LANGFUSE_PUBLIC_KEY", "pk-lf-1"), ("LANGFUSE_SECRET_KEY", "sk-lf-1")];

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    /// The required settings and these, which win.
    fn with(pairs: &[(&str, &str)]) -> Environment {
        let mut all = environment(&REQUIRED);
        all.extend(environment(pairs));
        all
    }

    fn disk(files: &[(&str, &str)]) -> Disk {
        files.iter().map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec())).collect()
    }

    fn loaded(pairs: &[(&str, &str)]) -> Config {
        load(&with(pairs), &Disk::new()).unwrap()
    }

    fn refused(pairs: &[(&str, &str)]) -> Vec<String> {
        lines(load(&with(pairs), &Disk::new()))
    }

    fn lines(outcome: Result<Config, Problems>) -> Vec<String> {
        outcome.unwrap_err().to_string().lines().map(str::to_owned).collect()
    }

    #[test]
    fn three_settings_are_enough_and_the_rest_are_the_defaults_of_the_contract() {
        let config = loaded(&[]);
        assert_eq!(config.destinations[0].base_url, "https://langfuse.example");
        assert_eq!((config.destinations[0].public_key.as_str(), config.destinations[0].secret_key.expose()), ("pk-lf-1", "sk-lf-1"));
        assert_eq!(config.destinations[0].request_timeout, Duration::from_secs(30));
        assert_eq!((config.destinations[0].api, config.destinations[0].compression), (IngestionApi::Auto, Compression::Gzip));
        assert!(config.connection.extra_roots.is_empty());
        assert_eq!(config.endpoint, EndpointSettings::default());
        assert_eq!(config.signature, SignatureSettings::default());
        assert_eq!(config.trace, TraceSettings::default());
        assert_eq!((config.dead_letter_logstore, config.credentials), (None, None));
        assert_eq!(config.give_up_after, Some(Duration::from_secs(6 * 3600)));
        assert_eq!((config.log.format, config.log.time_zone.as_str()), (None, "UTC"));
        assert!(config.log.filter.would_enable("sls_to_langfuse", &tracing::Level::INFO));
    }

    #[test]
    fn how_traces_look_is_read_without_host_and_keys() {
        let trace = load_trace(&environment(&[("TRACE_OWNERSHIP", "join")]), &Disk::new()).unwrap();
        assert_eq!(trace, TraceSettings { ownership: Ownership::Join, ..TraceSettings::default() });
        assert_eq!(load_trace(&with(&[("SLS_REGION", "Not Valid")]), &Disk::new()), Ok(TraceSettings::default()));
        let wrong = load_trace(&environment(&[("JOIN_USAGE", "both"), ("CONTENT_POLICY", "some")]), &Disk::new());
        assert_eq!(wrong.unwrap_err().iter().map(|problem| problem.setting.clone()).collect::<Vec<_>>(), ["JOIN_USAGE", "CONTENT_POLICY"]);
    }

    #[test]
    fn every_variable_reaches_its_field() {
        let config = loaded(&[
            ("LANGFUSE_HOST", "http://10.0.0.1:3000/langfuse/"),
            ("LANGFUSE_SDK_TIMEOUT", "2.5"),
            ("LANGFUSE_INGESTION", "otlp"),
            ("LANGFUSE_TRACING_ENABLED", "no"),
            ("LANGFUSE_SAMPLE_RATE", "0.25"),
            ("LANGFUSE_TRACING_ENVIRONMENT", "production"),
            ("LANGFUSE_RELEASE", "r1"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "NONE"),
            ("TRACE_OWNERSHIP", "join"),
            ("JOIN_USAGE", "metadata"),
            ("PRICE_REGION", "INTL"),
            ("CNY_PER_USD", "7.25"),
            ("MODEL_ALIASES", "Chat=qwen-plus"),
            ("CONTENT_POLICY", "Lengths"),
            ("SLS_ENDPOINT", "http://127.0.0.1:8080"),
            ("SLS_ALLOWED_ENDPOINTS", "A.example:99, b.example"),
            ("SLS_PLAIN_HTTP", "on"),
            ("SLS_SIGNATURE_VERSION", "v1"),
            ("SLS_REGION", "cn-hangzhou"),
            ("DEAD_LETTER_LOGSTORE", "dead-letters"),
            ("GIVE_UP_AFTER", "off"),
            ("LOG_FORMAT", "human"),
            ("RUST_LOG", "debug"),
            ("TZ", "Asia/Shanghai"),
        ]);
        assert_eq!(config.destinations[0].base_url, "http://10.0.0.1:3000/langfuse");
        assert_eq!(config.destinations[0].request_timeout, Duration::from_millis(2500));
        assert_eq!((config.destinations[0].api, config.destinations[0].compression), (IngestionApi::Otlp, Compression::None));
        let prices = PriceSettings {
            region: Region::Intl,
            cny_per_usd: 7.25,
            own: Vec::new(),
            aliases: [("chat".to_owned(), "qwen-plus".to_owned())].into(),
        };
        let trace = TraceSettings {
            enabled: false,
            sample_rate: 0.25,
            ownership: Ownership::Join,
            join_usage: JoinUsage::Metadata,
            prices: Arc::new(PriceBook::new(prices)),
            environment: Some("production".into()),
            release: Some("r1".into()),
            content: Arc::new(ContentSettings { policy: ContentPolicy::Lengths, ..ContentSettings::default() }),
            ..TraceSettings::default()
        };
        assert_eq!(config.trace, trace);
        let allowed_hosts = vec!["a.example".to_owned(), "b.example".to_owned()];
        let endpoint = EndpointSettings { replacement: Some("http://127.0.0.1:8080".into()), allowed_hosts, plain_http: true };
        assert_eq!(config.endpoint, endpoint);
        assert_eq!(
            config.signature,
            SignatureSettings { version: crate::sls::sign::SignatureVersion::V1, region: Some("cn-hangzhou".into()) }
        );
        assert_eq!((config.dead_letter_logstore.as_deref(), config.give_up_after), (Some("dead-letters"), None));
        assert_eq!((config.log.format, config.log.time_zone.as_str()), (Some(LogFormat::Human), "Asia/Shanghai"));
        assert!(config.log.filter.would_enable("sls_to_langfuse", &tracing::Level::DEBUG));
    }

    #[test]
    fn the_environment_wins_over_the_file_and_the_file_over_the_default() {
        let file =
            disk(&[("settings.toml", "langfuse_release = 'file'\nlangfuse_sample_rate = 0.5\nlangfuse_tracing_environment = 'file'")]);
        let variables = with(&[("CONFIG_FILE", "settings.toml"), ("LANGFUSE_RELEASE", "variable"), ("LANGFUSE_TRACING_ENVIRONMENT", " ")]);
        let trace = load(&variables, &file).unwrap().trace;
        assert_eq!(trace.release.as_deref(), Some("variable"));
        assert_eq!(trace.environment.as_deref(), Some("file"), "an empty variable counts as not set");
        assert_eq!((trace.sample_rate, trace.enabled), (0.5, true));
    }

    #[test]
    fn the_text_of_a_file_may_stand_in_a_variable_and_wins_over_the_file() {
        let file =
            disk(&[("s.toml", "langfuse_release = 'file'\nlangfuse_sample_rate = 0.5\n[mapping]\nuser = 'a'\n[profile.p]\nuser = 'b'")]);
        let inline = "langfuse_release = 'inline'\nmapping = { session = 'c' }";
        let variables = with(&[("CONFIG_FILE", "s.toml"), ("CONFIG_TOML", inline)]);
        let trace = load(&variables, &file).unwrap().trace;
        assert_eq!((trace.release.as_deref(), trace.sample_rate), (Some("inline"), 0.5));
        assert_eq!((trace.mapping.user.is_some(), trace.mapping.session.is_some()), (false, true), "a table is taken whole");
        assert_eq!(trace.profiles.len(), 1);
        let wrong = with(&[("CONFIG_TOML", "langfuse_release = 'a'\n\n[maping]"), ("LANGFUSE_RELEASE", "v")]);
        let expected =
            "maping (CONFIG_TOML line 3): must be the name of a setting or of a table; did you mean [mapping]?; example: [mapping]";
        assert_eq!(lines(load(&wrong, &file)), [expected]);
        let open = lines(load(&with(&[("CONFIG_TOML", "mapping = {")]), &file));
        assert!(open.len() == 1 && open[0].starts_with("CONFIG_TOML (CONFIG_TOML line 1): must be TOML"), "{open:?}");
    }

    #[test]
    fn the_file_is_found_beside_the_code_of_the_function() {
        let file = disk(&[("/code/conf/settings.toml", "langfuse_release = 'file'")]);
        let on_fc = with(&[("CONFIG_FILE", "conf/settings.toml"), ("FC_FUNC_CODE_PATH", "/code/")]);
        assert_eq!(load(&on_fc, &file).unwrap().trace.release.as_deref(), Some("file"));
        let absolute = with(&[("CONFIG_FILE", "/code/conf/settings.toml"), ("FC_FUNC_CODE_PATH", "/elsewhere")]);
        assert_eq!(load(&absolute, &file).unwrap().trace.release.as_deref(), Some("file"));
        let elsewhere = with(&[("CONFIG_FILE", "conf/settings.toml")]);
        let expected =
            "CONFIG_FILE (environment): must name a file that can be read (entity not found); example: CONFIG_FILE=sls-to-langfuse.toml";
        assert_eq!(lines(load(&elsewhere, &file)), [expected]);
    }

    #[test]
    fn a_file_can_hold_the_whole_configuration() {
        let text = settings().iter().filter(|setting| setting.reach == Reach::Anywhere).map(Setting::example_in_file);
        let text = text.collect::<Vec<_>>().join("\n");
        let files = disk(&[("all.toml", &text), ("prices.toml", PRICES), ("/code/private-ca.pem", certificates::tests::PRIVATE_CA)]);
        let config = load(&environment(&[("CONFIG_FILE", "all.toml")]), &files).unwrap();
        assert_eq!(config.endpoint.allowed_hosts, ["sls.example.com", "10.0.0.8"]);
        assert_eq!(config.connection.extra_roots.len(), 1);
        assert!(config.trace.prices.price("my-model").is_some() && config.trace.prices.price("my-chat").is_some());
        assert_eq!(config.credentials.unwrap().access_key_id, "your-access-key-id");
    }

    #[test]
    fn the_example_of_every_setting_is_accepted() {
        let files =
            disk(&[("sls-to-langfuse.toml", ""), ("prices.toml", PRICES), ("/code/private-ca.pem", certificates::tests::PRIVATE_CA)]);
        let variables: Environment = settings().iter().map(|setting| (setting.name.to_owned(), setting.example.to_owned())).collect();
        assert_eq!(load(&variables, &files).map_err(|problems| problems.to_string()).map(|_| ()), Ok(()));
    }

    #[test]
    fn every_problem_is_reported_at_once_in_the_order_of_the_table() {
        let file = disk(&[("bad.toml", "langfuse_hots = 'https://h'\nsls_plain_http = 'maybe'\nlangfuse_release = 7\n")]);
        let variables = environment(&[
            ("CONFIG_FILE", "bad.toml"),
            ("LANGFUSE_BASE_URL", "cloud.langfuse.com"),
            ("LANGFUSE_SECRET_KEY", "env:MISSING_KEY"),
            ("LANGFUSE_SDK_TIMEOUT", "soon"),
            ("LANGFUSE_INGESTION", "batch"),
            ("LANGFUSE_SAMPLE_RATE", "25%"),
            ("LANGFUSE_TRACING_ENVIRONMENT", "Prod"),
            ("TRACE_OWNERSHIP", "ours"),
            ("PRICE_REGION", "us"),
            ("CNY_PER_USD", "0.14"),
            ("PRICES_FILE", "prices.json"),
            ("MODEL_ALIASES", "chat"),
            ("SLS_ALLOWED_ENDPOINTS", "*.example.com"),
            ("DEAD_LETTER_LOGSTORE", "Dead Letters"),
            ("GIVE_UP_AFTER", "6"),
            ("ALIBABA_CLOUD_ACCESS_KEY_ID", "id"),
            ("SSL_CERT_FILE", "/none.pem"),
            ("RUST_LOG", "loud"),
        ]);
        let expected = [
            "langfuse_hots (CONFIG_FILE line 1): must be the name of a setting; did you mean langfuse_host?; \
             example: langfuse_host = \"https://cloud.langfuse.com\"",
            "LANGFUSE_BASE_URL (environment): must be an http or https URL with a host, without user, query or fragment; \
             example: LANGFUSE_BASE_URL=https://cloud.langfuse.com",
            "LANGFUSE_PUBLIC_KEY (not set): must be set; example: LANGFUSE_PUBLIC_KEY=pk-lf-your-public-key",
            "LANGFUSE_SECRET_KEY (environment): must refer to a variable that is set: MISSING_KEY; \
             example: LANGFUSE_SECRET_KEY=sk-lf-your-secret-key",
            "LANGFUSE_SDK_TIMEOUT (environment): must be a number of seconds above 0 and at most 900; example: LANGFUSE_SDK_TIMEOUT=30",
            "LANGFUSE_SAMPLE_RATE (environment): must be a number from 0 to 1; example: LANGFUSE_SAMPLE_RATE=0.25",
            "LANGFUSE_TRACING_ENVIRONMENT (environment): must be 1 to 40 of a-z, 0-9, _ and -, not beginning with langfuse; \
             example: LANGFUSE_TRACING_ENVIRONMENT=production",
            "langfuse_release (CONFIG_FILE line 3): must be text in quotes; example: langfuse_release = \"2026-09-01\"",
            "TRACE_OWNERSHIP (environment): must be one of auto, own, join, not ours; example: TRACE_OWNERSHIP=join",
            "PRICE_REGION (environment): must be one of cn, intl, not us; example: PRICE_REGION=intl",
            "CNY_PER_USD (environment): must be how many CNY one USD costs, a number from 1 to 100; example: CNY_PER_USD=7.25",
            "PRICES_FILE (environment): must name a file that can be read (entity not found); example: PRICES_FILE=prices.toml",
            "MODEL_ALIASES (environment): must be alias=model, separated by commas, each alias once; \
             example: MODEL_ALIASES=my-chat=qwen-plus,my-coder=qwen3-coder-plus",
            "SLS_ALLOWED_ENDPOINTS (environment): must be exact hosts separated by commas: no scheme, path or wildcard; \
             a port is allowed and has no effect; example: SLS_ALLOWED_ENDPOINTS=sls.example.com,10.0.0.8",
            "sls_plain_http (CONFIG_FILE line 2): must be true or false; example: sls_plain_http = true",
            "DEAD_LETTER_LOGSTORE (environment): must be a Logstore name: 2 to 80 of a-z, 0-9, - and _, beginning and ending \
             with a letter or digit; example: DEAD_LETTER_LOGSTORE=langfuse-dead-letters",
            "GIVE_UP_AFTER (environment): must be a whole number with a unit (90s, 30m, 6h, 2d; at most 3650d) or off; \
             example: GIVE_UP_AFTER=6h",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET (not set): must be set where ALIBABA_CLOUD_ACCESS_KEY_ID is; \
             example: ALIBABA_CLOUD_ACCESS_KEY_SECRET=your-access-key-secret",
            "SSL_CERT_FILE (environment): must name a file that can be read (entity not found); example: SSL_CERT_FILE=/code/private-ca.pem",
            "RUST_LOG (environment): must be a level (off, error, warn, info, debug, trace) or module=level, separated by commas; \
             example: RUST_LOG=info,sls_to_langfuse::sls=debug",
        ];
        let outcome = load(&variables, &file);
        assert!(outcome.as_ref().unwrap_err().iter().all(|problem| !problem.rule.is_empty() && !problem.example.is_empty()));
        assert_eq!(lines(outcome), expected);
    }

    #[test]
    fn nothing_set_names_the_three_required_settings() {
        let problems = load(&Environment::new(), &Disk::new()).unwrap_err();
        let names: Vec<_> = problems.iter().map(|problem| problem.setting.as_str()).collect();
        assert_eq!(names, ["LANGFUSE_HOST", "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"]);
        assert!(problems.iter().all(|problem| problem.place == Place::Unset));
    }

    #[test]
    fn a_broken_file_does_not_make_required_settings_missing() {
        let file = disk(&[("bad.toml", "langfuse_host = https://h\n")]);
        let expected = "CONFIG_FILE (CONFIG_FILE line 1): must be TOML: one name = value on a line, texts in quotes; \
                        example: langfuse_host = \"https://cloud.langfuse.com\"";
        assert_eq!(lines(load(&environment(&[("CONFIG_FILE", "bad.toml")]), &file)), [expected]);
    }

    #[test]
    fn a_required_setting_of_the_wrong_type_is_reported_once() {
        let file = disk(&[("bad.toml", "langfuse_host = 5\nlangfuse_public_key = 'pk'\nlangfuse_secret_key = 'sk'")]);
        assert_eq!(lines(load(&environment(&[("CONFIG_FILE", "bad.toml")]), &file)).len(), 1);
    }

    #[test]
    fn either_name_of_the_host_will_do_and_both_must_agree() {
        let alone = load(&with(&[("LANGFUSE_HOST", ""), ("LANGFUSE_BASE_URL", "https://other.example/")]), &Disk::new()).unwrap();
        assert_eq!(alone.destinations[0].base_url, "https://other.example");
        let same = loaded(&[("LANGFUSE_BASE_URL", "HTTPS://Langfuse.example:443/")]);
        assert_eq!(same.destinations[0].base_url, "https://langfuse.example");
        let expected = "LANGFUSE_BASE_URL (environment): must equal LANGFUSE_HOST where both are set; one of the two is enough; \
                        example: LANGFUSE_BASE_URL=https://cloud.langfuse.com";
        assert_eq!(refused(&[("LANGFUSE_BASE_URL", "https://other.example")]), [expected]);
    }

    #[test]
    fn every_word_of_a_closed_list_is_taken_and_no_other() {
        for setting in settings() {
            let Kind::Choice(words) = setting.kind else { continue };
            for word in words {
                let problems =
                    load(&with(&[(setting.name, word)]), &Disk::new()).map_or_else(|problems| problems.to_string(), |_| String::new());
                assert_eq!(problems, "", "{word}");
            }
            assert_eq!(refused(&[(setting.name, "another")]).len(), 1, "{}", setting.name);
        }
    }

    #[test]
    fn secrets_may_refer_to_variables_and_files() {
        let files = disk(&[("/run/key", "from-file\r\n"), ("/run/two", "two\n\n")]);
        let variables = with(&[
            ("LANGFUSE_PUBLIC_KEY", "env:OTHER"),
            ("OTHER", "from-variable"),
            ("LANGFUSE_SECRET_KEY", "file:/run/key"),
            ("ALIBABA_CLOUD_ACCESS_KEY_ID", "id"),
            ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "file:/run/key"),
            ("ALIBABA_CLOUD_SECURITY_TOKEN", "env:OTHER"),
        ]);
        let config = load(&variables, &files).unwrap();
        assert_eq!(
            (config.destinations[0].public_key.as_str(), config.destinations[0].secret_key.expose()),
            ("from-variable", "from-file")
        );
        let credentials = config.credentials.unwrap();
        assert_eq!((credentials.access_key_id.as_str(), credentials.access_key_secret.expose()), ("id", "from-file"));
        assert_eq!(credentials.security_token.unwrap().expose(), "from-variable");
        let two_lines = with(&[("LANGFUSE_SECRET_KEY", "file:/run/two")]);
        assert!(load(&two_lines, &files).is_err(), "only one trailing newline is taken off");
        let host = with(&[("LANGFUSE_HOST", "env:OTHER"), ("OTHER", "https://h")]);
        assert!(load(&host, &files).is_err(), "only secrets are references");
    }

    #[test]
    fn a_reference_that_leads_nowhere_names_where_it_leads() {
        let rule = |value: &str| {
            let problems = load(&with(&[("LANGFUSE_SECRET_KEY", value)]), &Disk::new()).unwrap_err();
            problems.iter().map(|problem| problem.rule.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(rule("env:MISSING"), ["must refer to a variable that is set: MISSING"]);
        assert_eq!(rule("file:/run/none"), ["must name a file that can be read (entity not found): /run/none"]);
        assert_eq!(rule("file:none"), ["must refer to a file by its absolute path, as in file:/path"]);
        assert_eq!(rule("env:sk-lf-sentinel"), ["must refer to a variable that is set"], "a key behind env: by mistake");
    }

    #[test]
    fn own_prices_are_checked_at_the_start_and_found_beside_the_code() {
        let variables = with(&[("PRICES_FILE", "prices.toml"), ("FC_FUNC_CODE_PATH", "/code")]);
        let book = load(&variables, &disk(&[("/code/prices.toml", PRICES)])).unwrap().trace.prices;
        assert_eq!(book.price("gateway/my-model").unwrap().price.origin, "own price");
        let unfinished = PRICES.replace("output = 2", "output = -2");
        let expected = "PRICES_FILE (environment): must name a file of prices per 1M tokens, with entries such as \
                        pattern = \"my-model\", currency = \"CNY\", tiers = [{ input = 0.8, output = 2 }]; \
                        entry 1: its prices must be numbers from 0 to 1000000; example: PRICES_FILE=prices.toml";
        assert_eq!(lines(load(&variables, &disk(&[("/code/prices.toml", &unfinished)]))), [expected]);
    }

    #[test]
    fn an_access_key_is_whole_or_absent() {
        let id = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "id");
        let secret = ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret");
        let token = ("ALIBABA_CLOUD_SECURITY_TOKEN", "token");
        assert_eq!(loaded(&[id, secret]).credentials.unwrap().security_token, None);
        for pairs in [&[id][..], &[secret], &[token], &[id, token], &[secret, token]] {
            assert_eq!(refused(pairs).len(), 1, "{pairs:?}");
        }
    }

    #[test]
    fn who_reads_nothing_from_sls_can_do_with_half_an_access_key_and_with_nothing_else_that_is_wrong() {
        let half = with(&[("ALIBABA_CLOUD_ACCESS_KEY_ID", "id")]);
        assert_eq!(load_without_sls_keys(&half, &disk(&[])).unwrap().credentials, None);
        let whole = with(&[("ALIBABA_CLOUD_ACCESS_KEY_ID", "id"), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret")]);
        assert_eq!(load_without_sls_keys(&whole, &disk(&[])).unwrap().credentials, None);
        let wrong = with(&[("ALIBABA_CLOUD_ACCESS_KEY_ID", "id"), ("LANGFUSE_SAMPLE_RATE", "2")]);
        assert_eq!(load_without_sls_keys(&wrong, &disk(&[])).unwrap_err().iter().count(), 1);
    }

    #[test]
    fn a_proxy_is_a_url_or_a_host_and_port() {
        for good in ["http://proxy:3128", "https://user:pass@proxy.example.com", "proxy.example.com:3128"] {
            assert!(loaded(&[("HTTPS_PROXY", good)]).connection.proxies.https.is_some(), "{good}");
        }
        for bad in ["::garbage", "socks5://proxy:1080", "http://"] {
            assert!(refused(&[("HTTPS_PROXY", bad)])[0].starts_with("HTTPS_PROXY (environment): must be"), "{bad}");
        }
    }

    #[test]
    fn every_setting_that_is_ours_is_read() {
        // A control character breaks every rule but that of free text, so a setting that nobody reads shows by its silence.
        let free = ["CONFIG_FILE", "NO_PROXY", "TZ"];
        let silent = settings().iter().filter(|setting| load(&with(&[(setting.name, "\u{1}")]), &Disk::new()).is_ok());
        let silent: BTreeSet<_> = silent.map(|setting| setting.name).collect();
        assert!(silent.is_subset(&BTreeSet::from(free)), "{silent:?}");
    }

    proptest! {
        #[test]
        fn no_problem_contains_a_planted_value(seed in "[a-z0-9]{30,40}", tail in "[ -~]{0,10}", place in 0..settings().len(), shape in 0..8) {
            let secret = format!("Sentinel{seed}{tail}");
            let setting = &settings()[place];
            let (value, file) = match shape {
                0 => (secret.clone(), String::new()),
                1 => (format!("env:{secret}"), String::new()),
                2 => (format!("https://user:{secret}@h"), String::new()),
                3 => (format!("file:{secret}"), String::new()),
                4 => (String::new(), format!("{} = {secret}", setting.key())),
                5 => (String::new(), format!("{} = {secret:?}", setting.key())),
                6 => (String::new(), format!("{secret:?} = 1\n{} = [{secret:?}]", setting.key())),
                _ => (String::new(), format!("{} = \"{secret}\n", setting.key())),
            };
            let mut variables = with(&[("CONFIG_FILE", "s.toml")]);
            if !value.is_empty() {
                variables.insert(setting.name.to_owned(), value);
            }
            if let Err(problems) = load(&variables, &disk(&[("s.toml", &file)])) {
                let printed = format!("{problems}{problems:?}");
                prop_assert!(!printed.contains(&seed), "{}", printed);
            }
        }
    }
}
