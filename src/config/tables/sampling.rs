//! `[sampling]` → [`Sampling`]. The rate of all is `LANGFUSE_SAMPLE_RATE`.

use super::super::reader::Reader;
use super::super::rules;
use super::conditions::{Listed, check_list, conditions, when};
use super::{Form, Key, Need, Shape, TableKind};
use crate::select::{SampleBy, Sampling, SamplingRule};

pub(in super::super) static SAMPLING: TableKind = TableKind {
    name: "sampling",
    form: Form::One,
    keys: &KEYS,
    meaning: "How a sample rate below 1 is applied; errors, refusals by a policy and slow calls of own traces are kept at any rate",
    meaning_zh: "采样率小于 1 时的做法；自有 Trace 中的错误、被策略拒绝的调用与慢调用始终保留",
};

static KEYS: [Key; 3] = [
    Key {
        name: "by",
        shape: Shape::Choice(&["trace", "session"]),
        need: Need::Optional,
        example: r#""session""#,
        meaning: "What is kept or left out as one: a trace, by the rule of the Langfuse SDKs, or a session (a trace where there is none); not \
                  set: trace",
        meaning_zh: "以什么为单位取舍：trace 按整条 Trace（与 Langfuse SDK 规则相同），session 按会话（无会话时按 Trace）；不设置时为 trace",
    },
    Key {
        name: "slow_above",
        shape: Shape::Text,
        need: Need::Optional,
        example: r#""30s""#,
        meaning: "Calls that take longer are slow: a duration, or off; not set: 60s",
        meaning_zh: "超过该时长的调用为慢调用：时长，或 off；不设置时为 60s",
    },
    Key {
        name: "rule",
        shape: Shape::Tables(&RULE),
        need: Need::Optional,
        example: r#"[{ name = "tests", rate = 0.01, when = [{ field = "consumer", equals = "test" }] }]"#,
        meaning: "Other rates for some records, as [[sampling.rule]]; the first that holds counts, else LANGFUSE_SAMPLE_RATE",
        meaning_zh: "部分记录的其他采样率，写作 [[sampling.rule]]；第一条成立的生效，否则为 LANGFUSE_SAMPLE_RATE",
    },
];

static RULE: [Key; 3] = [
    Key {
        name: "name",
        shape: Shape::Text,
        need: Need::Required,
        example: r#""tests""#,
        meaning: "Name of the rule, unique among the sampling rules",
        meaning_zh: "规则名称，在采样规则中唯一",
    },
    Key {
        name: "rate",
        shape: Shape::Number,
        need: Need::Required,
        example: "0.01",
        meaning: "Share to keep, 0 to 1",
        meaning_zh: "保留的比例，取值 0 到 1",
    },
    when(
        "When the rule holds: all of these conditions; left out, it holds for every record",
        "规则成立的条件，须全部满足；省略则对所有记录成立",
    ),
];

/// How the rate is applied.
pub(in super::super) fn sampling(reader: &mut Reader<'_>) -> Sampling {
    let mut sampling = Sampling::default();
    let entries = reader.entries(&SAMPLING);
    let Some(entry) = entries.first() else { return sampling };
    if entry.text("by").is_some_and(|by| by.text == "session") {
        sampling.by = SampleBy::Session;
    }
    if let Some(slow_above) = reader.text(entry, "slow_above", rules::age) {
        sampling.slow_above = slow_above;
    }
    let mut rules = Vec::new();
    for entry in entry.tables("rule") {
        let (name, rate) = (reader.text(entry, "name", rules::label), reader.text(entry, "rate", rules::share));
        let when = conditions(reader, entry);
        if let (Some(name), Some(rate)) = (name, rate) {
            rules.push((entry, SamplingRule { name, when, rate }));
        }
    }
    let listed: Vec<_> = rules.iter().map(|(entry, rule)| Listed { entry, name: &rule.name, when: &rule.when }).collect();
    check_list(reader, &listed);
    sampling.rules = rules.into_iter().map(|(_, rule)| rule).collect();
    sampling
}
