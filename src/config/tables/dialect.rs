//! `[dialect.NAME]` → [`Dialect`].

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::reader::Reader;
use super::super::rules::Rule;
use super::{Entry, Form, Key, Need, Node, Shape, TableKind, Text};
use crate::gateway::dialect::{ANY, Condition, Demand, Dialect, Dialects, DurationUnit, KINDS, NONE, Names, Origin, TARGETS, kind_of};
use crate::gateway::field_path::FieldPath;
use crate::gateway::source::{Source, Sources};

pub(in super::super) static DIALECT: TableKind = TableKind {
    name: "dialect",
    form: Form::Named("litellm"),
    keys: KEYS,
    meaning: "How records of another gateway are recognised and where the fields of a call stand in them; each key but the last five is a \
              list of sources as in [mapping]",
    meaning_zh: "如何识别其他网关的日志，以及调用的各字段位于何处；除最后五个键外，每个键都是与 [mapping] 相同的来源列表",
};

macro_rules! keys {
    ($($name:literal: $shape:expr, $need:ident, $example:literal, $meaning:literal, $meaning_zh:literal;)+) => {
        &[$(Key { name: $name, shape: $shape, need: Need::$need, example: $example, meaning: $meaning, meaning_zh: $meaning_zh }),+]
    };
}

static KEYS: &[Key] = keys! {
    "when": Shape::Map(&Shape::Texts), Required, r#"{ call_type = "*", startTime = "*", response_code = "-" }"#,
        "By what such a record is recognised: paths, each with * (any value), - (none) or the texts of which one must be there",
        "识别条件：路径及其要求，* 表示有值，- 表示无值，或列出允许的文本";
    "kind": Shape::Texts, Optional, r#""call_type""#,
        "Kind of call: chat, completion, embedding, rerank, image, audio, tool, agent, or none for a record that is no call; not set: by path, else chat",
        "调用类型：chat、completion、embedding、rerank、image、audio、tool、agent，none 表示不是调用；不设置时按路径判断，否则为 chat";
    "trace_id": Shape::Texts, Optional, r#""trace_id""#, "Trace id", "Trace ID";
    "request_id": Shape::Texts, Optional, r#""id""#, "Id of the request", "请求 ID";
    "traceparent": Shape::Texts, Optional, r#""metadata.requester_metadata.traceparent""#,
        "W3C trace context of the caller", "调用方的 W3C Trace Context";
    "parent": Shape::Texts, Optional, r#""metadata.requester_metadata.parent_span_id""#,
        "Span of the caller, 16 hex digits", "调用方的 Span，16 位十六进制";
    "start": Shape::Texts, Optional, r#""startTime""#,
        "When the call began: RFC 3339, UNIX seconds (also decimal), milli-, micro- or nanoseconds, or common log format; not set: end minus duration",
        "调用开始时间：RFC 3339、UNIX 秒（可带小数）、毫秒、微秒或纳秒，或通用日志格式；不设置时为结束时间减时长";
    "end": Shape::Texts, Optional, r#""endTime""#, "When it ended, in the same forms", "结束时间，格式同上";
    "duration": Shape::Texts, Optional, r#""response_time""#,
        "How long it took, in duration_unit; not set: end minus start", "时长，单位见 duration_unit；不设置时为结束减开始";
    "first_token": Shape::Texts, Optional, r#""completionStartTime""#, "When the first token came", "首个 Token 的时间";
    "first_token_after": Shape::Texts, Optional, r#""ttft""#,
        "How long after the beginning the first token came, in duration_unit; not beside first_token", "首个 Token 距开始的时长，单位见 duration_unit；不能与 first_token 同时设置";
    "api": Shape::Texts, Optional, r#""model_group""#, "What the call is named by", "用作名称的 API 名";
    "user": Shape::Texts, Optional, r#"["end_user", "metadata.user_api_key_user_id"]"#, "Who called", "调用者";
    "session": Shape::Texts, Optional, r#""metadata.requester_metadata.session_id""#, "The conversation", "会话";
    "model": Shape::Texts, Optional, r#""model""#, "The model that answered", "实际应答的模型";
    "request_model": Shape::Texts, Optional, r#""model_group""#, "The model asked for", "请求的模型";
    "input_tokens": Shape::Texts, Optional, r#""prompt_tokens""#, "Tokens in, cached ones included", "输入 Token，含缓存";
    "output_tokens": Shape::Texts, Optional, r#""completion_tokens""#, "Tokens out, reasoning included", "输出 Token，含推理";
    "total_tokens": Shape::Texts, Optional, r#""total_tokens""#, "Their sum", "Token 总数";
    "cached_tokens": Shape::Texts, Optional, r#""response.usage.prompt_tokens_details.cached_tokens""#, "Tokens in from a cache", "命中缓存的输入 Token";
    "reasoning_tokens": Shape::Texts, Optional, r#""response.usage.completion_tokens_details.reasoning_tokens""#, "Tokens out of reasoning", "推理输出 Token";
    "input_details": Shape::Texts, Optional, r#""response.usage.prompt_tokens_details""#, "Counts of kinds of input, an object", "输入 Token 明细，对象";
    "output_details": Shape::Texts, Optional, r#""response.usage.completion_tokens_details""#, "Counts of kinds of output, an object", "输出 Token 明细，对象";
    "cost": Shape::Texts, Optional, r#""response_cost""#, "What it cost, USD; not set: by list price", "费用（美元）；不设置时按目录价计算";
    "messages": Shape::Texts, Optional, r#""messages""#, "All messages of the request, a list", "请求的全部消息，列表";
    "question": Shape::Texts, Optional, r#""prompt""#, "The last message, or a text that is no conversation", "最后一条消息，或非对话的文本";
    "system": Shape::Texts, Optional, r#""system_prompt""#, "The system prompt where it is not among the messages", "不在消息中的系统提示词";
    "tools": Shape::Texts, Optional, r#""model_parameters.tools""#, "Tools of the request, a list", "请求的工具，列表";
    "answer": Shape::Texts, Optional, r#"["response.choices[0].message.content", "response.choices[0].text"]"#, "The reply, text", "回复文本";
    "reasoning": Shape::Texts, Optional, r#""response.choices[0].message.reasoning_content""#, "What the model thought before", "思考内容";
    "tool_calls": Shape::Texts, Optional, r#""response.choices[0].message.tool_calls""#, "Tool calls of the reply, a list", "回复中的工具调用，列表";
    "request_body": Shape::Texts, Optional, r#""request""#, "The whole request, if messages and question are not there", "完整请求体，没有 messages 与 question 时使用";
    "response_body": Shape::Texts, Optional, r#""response""#, "The whole response, if the answer is not there", "完整响应体，没有 answer 时使用";
    "tool": Shape::Texts, Optional, r#""mcp_tool_call_metadata.name""#, "Name of the tool that was called", "被调用工具的名称";
    "status": Shape::Texts, Optional, r#"["error_information.error_code", "status"]"#, "HTTP status; from 400 on the call is an error", "HTTP 状态码，400 及以上视为错误";
    "flags": Shape::Texts, Optional, r#""response_flags""#, "Response flags of Envoy", "Envoy 响应标志";
    "error": Shape::Texts, Optional, r#"["error_information.error_class", "error_str"]"#, "Why it failed, shown as status message", "失败原因，显示为状态消息";
    "cache_status": Shape::Texts, Optional, r#""cache_hit""#, "hit where a cache answered: nothing is charged", "由缓存应答时为 hit，不计费";
    "method": Shape::Texts, Optional, r#""request_method""#, "HTTP method", "HTTP 方法";
    "path": Shape::Texts, Optional, r#""request_uri""#, "Path of the request", "请求路径";
    "values": Shape::Map(&Shape::Map(&Shape::Text)), Optional, r#"{ status = { success = "200", failure = "500" } }"#,
        "Texts that stand for others, by key: what is found for the key and stands here is replaced", "取值替换，按键填写：找到的文本若列在此处则替换";
    "duration_unit": Shape::Choice(&["s", "ms", "us", "ns"]), Optional, r#""ms""#,
        "Unit of duration and first_token_after; not set: ms", "duration 与 first_token_after 的单位；不设置时为 ms";
    "gateway_fields": Shape::Switch, Optional, "false",
        "true: a renamed format of this gateway, whose other fields keep their names and meanings; not set: false", "true 表示这是本网关改名后的格式，其余字段保持原名原义；不设置时为 false";
    "ignore": Shape::Texts, Optional, r#"["hidden_params", "model_map_information"]"#,
        "Fields that are left out of metadata", "不写入元数据的字段";
};

/// How records of other gateways are read.
pub(in super::super) fn dialects(reader: &mut Reader<'_>) -> Arc<Dialects> {
    let entries = reader.entries(&DIALECT);
    Arc::new(Dialects::new(entries.iter().map(|entry| dialect(reader, entry)).collect()))
}

fn dialect(reader: &mut Reader<'_>, entry: &Entry) -> Dialect {
    let values = values(reader, entry);
    let mut origins = Vec::new();
    for target in &TARGETS {
        let is_kind = target.key == "kind";
        let values = values.get(target.key).cloned().unwrap_or_default();
        if let Some(sources) = sources(reader, entry, target.key, is_kind) {
            origins.push((target, Origin { sources, values }));
        } else if !values.is_empty() && entry.member(target.key).is_none() {
            reader.refuse_entry(entry, "values", entry.place, format!("must be of keys of this table that are set; {} is not", target.key));
        }
    }
    if let (Some(_), Some(member)) = (entry.member("first_token"), entry.member("first_token_after")) {
        reader.refuse_entry(entry, "first_token_after", member.place, "must not stand beside first_token, which says the same");
    }
    let unit = entry.text("duration_unit").map_or("ms", |text| &text.text);
    Dialect {
        name: entry.name.clone(),
        when: conditions(reader, entry),
        origins,
        duration_unit: match unit {
            "s" => DurationUnit::Seconds,
            "us" => DurationUnit::Microseconds,
            "ns" => DurationUnit::Nanoseconds,
            _ => DurationUnit::Milliseconds,
        },
        names: if entry.switch("gateway_fields") == Some(true) { Names::Gateway } else { Names::Foreign },
        ignore: entry.texts("ignore").iter().map(|text| text.text.clone()).collect(),
    }
}

fn sources(reader: &mut Reader<'_>, entry: &Entry, key: &str, is_kind: bool) -> Option<Sources> {
    let member = entry.member(key)?;
    let sources = reader.texts(entry, key, |text| {
        let source = Source::parse(text).map_err(|error| Rule::from(error.to_string()))?;
        match &source {
            Source::Constant(word) if is_kind && kind_of(word).is_none() => Err(kind_rule()),
            _ => Ok(source),
        }
    })?;
    Sources::new(sources).map_err(|error| reader.refuse_entry(entry, key, member.place, error.to_string())).ok()
}

fn kind_rule() -> Rule {
    format!("must be one of {}", KINDS.map(|(word, _)| word).join(", ")).into()
}

/// What stands for what, by key.
fn values(reader: &mut Reader<'_>, entry: &Entry) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    for member in entry.table("values").map_or([].as_slice(), |table| &table.members) {
        let Node::Table(table) = &member.node else { continue };
        let Some(target) = TARGETS.iter().find(|target| target.key == member.key) else {
            reader.refuse_entry(entry, "values", member.place, "must be of keys of this table");
            continue;
        };
        let texts = table.members.iter().filter_map(|pair| Some((pair.key.clone(), table.text(&pair.key)?)));
        let pairs: Vec<(String, &Text)> = texts.collect();
        for (_, word) in pairs.iter().filter(|(_, word)| target.key == "kind" && kind_of(&word.text).is_none()) {
            reader.refuse_entry(entry, "values", word.place, kind_rule());
        }
        values.insert(member.key.clone(), pairs.into_iter().map(|(from, to)| (from, to.text.clone())).collect());
    }
    values
}

fn conditions(reader: &mut Reader<'_>, entry: &Entry) -> Vec<Condition> {
    let Some(table) = entry.table("when") else { return Vec::new() };
    let mut conditions = Vec::new();
    for member in &table.members {
        match FieldPath::parse(&member.key) {
            Ok(path) => conditions.push(Condition { path, demand: demand(table.texts(&member.key)) }),
            Err(error) => reader.refuse_entry(entry, "when", member.place, error.to_string()),
        }
    }
    // Else a record of the gateway itself would fit as well.
    if table.members.is_empty() || (!conditions.is_empty() && conditions.iter().all(|condition| condition.demand == Demand::Absent)) {
        reader.refuse_entry(entry, "when", table.place, "must name at least one value that such a record has");
    }
    conditions
}

fn demand(texts: &[Text]) -> Demand {
    match texts {
        [one] if one.text == ANY => Demand::Present,
        [one] if one.text == NONE => Demand::Absent,
        texts => Demand::OneOf(texts.iter().map(|text| text.text.as_str().into()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::super::load_trace;
    use super::*;

    fn read(text: &str) -> Result<Arc<Dialects>, Vec<String>> {
        let variables = BTreeMap::from([("CONFIG_FILE".to_owned(), "s.toml".to_owned())]);
        let files = BTreeMap::from([(PathBuf::from("s.toml"), text.as_bytes().to_vec())]);
        let read = load_trace(&variables, &files).map(|settings| settings.dialects);
        read.map_err(|problems| problems.to_string().lines().map(|line| line.split("; example").next().unwrap().to_owned()).collect())
    }

    #[test]
    fn a_file_without_dialects_leaves_the_built_in_ones() {
        assert_eq!(read(""), Ok(Arc::default()));
    }

    #[test]
    fn every_target_is_a_key_and_every_key_a_target_or_one_of_five() {
        let others = ["when", "values", "duration_unit", "gateway_fields", "ignore"];
        let keys: Vec<_> = KEYS.iter().map(|key| key.name).filter(|name| !others.contains(name)).collect();
        assert_eq!(keys, TARGETS.iter().map(|target| target.key).collect::<Vec<_>>());
        assert_eq!(KEYS.len(), TARGETS.len() + others.len());
    }

    #[test]
    fn the_example_of_every_key_is_accepted() {
        let alone = |key: &&Key| key.name != "first_token_after";
        let lines: Vec<_> = KEYS.iter().filter(alone).map(Key::example_in_file).collect();
        let dialects = read(&format!("[dialect.litellm]\n{}", lines.join("\n"))).unwrap();
        assert_ne!(dialects, Arc::default());
    }

    #[test]
    fn what_contradicts_itself_is_refused_with_its_line() {
        let problems = read(
            "[dialect.a]\nwhen = {}\n[dialect.b]\nwhen = { x = '-' }\n[dialect.c]\nwhen = { 'x..y' = '*' }\nfirst_token = 'a'\n\
             first_token_after = 'b'\nkind = '=talk'\n[dialect.c.values]\nkind = { x = 'talk' }\nno = { a = 'b' }\nstatus = { a = 'b' }\n\
             [dialect.d]\nmodel = 'm'\n",
        );
        assert_eq!(
            problems.unwrap_err(),
            [
                "dialect.a.when (CONFIG_FILE line 2): must name at least one value that such a record has",
                "dialect.b.when (CONFIG_FILE line 4): must name at least one value that such a record has",
                "dialect.c.values (CONFIG_FILE line 5): must be of keys of this table that are set; status is not",
                "dialect.c.when (CONFIG_FILE line 6): must be a path: a name is missing at character 3; names are separated by single dots, \
                 as in ai_log.session_id",
                "dialect.c.first_token_after (CONFIG_FILE line 8): must not stand beside first_token, which says the same",
                "dialect.c.kind (CONFIG_FILE line 9): must be one of chat, completion, embedding, rerank, image, audio, tool, agent, none",
                "dialect.c.values (CONFIG_FILE line 11): must be one of chat, completion, embedding, rerank, image, audio, tool, agent, none",
                "dialect.c.values (CONFIG_FILE line 12): must be of keys of this table",
                "dialect.d.when (CONFIG_FILE line 14): must be set in this table",
            ]
        );
    }
}
