//! `[destination.NAME]` and `[[route]]` → destinations and [`Routes`]. The destination of the settings without a table is called `default`.

use super::super::nearest::nearest;
use super::super::reader::{Keys, Reader};
use super::super::rules;
use super::conditions::{Listed, check_list, conditions, when};
use super::{Entry, Form, Key, Need, Shape, TableKind, Text};
use crate::delivery::destination::{Compression, DestinationSettings, IngestionApi};
use crate::secret::Secret;
use crate::select::{OnRefusal, Route, Routes};

/// What routes call the destination of `LANGFUSE_HOST` and its keys.
pub(in super::super) const DEFAULT: &str = "default";

pub(in super::super) static DESTINATION: TableKind = TableKind {
    name: "destination",
    form: Form::Named("team-a"),
    keys: &DESTINATION_KEYS,
    meaning: "A Langfuse project that routes name; the one of LANGFUSE_HOST and its keys is called default",
    meaning_zh: "路由所指的 Langfuse 项目；LANGFUSE_HOST 及其密钥对应的项目名为 default",
};

static DESTINATION_KEYS: [Key; 6] = [
    Key {
        name: "host",
        shape: Shape::Text,
        need: Need::Required,
        example: r#""https://cloud.langfuse.com""#,
        meaning: "Address of the Langfuse server; a path prefix is allowed",
        meaning_zh: "Langfuse 服务器地址，可带路径前缀",
    },
    Key {
        name: "public_key",
        shape: Shape::Secret,
        need: Need::Required,
        example: r#""env:TEAM_A_PUBLIC_KEY""#,
        meaning: "Public key of the project, or env:NAME or file:/path",
        meaning_zh: "项目公钥，或 env:NAME、file:/path 引用",
    },
    Key {
        name: "secret_key",
        shape: Shape::Secret,
        need: Need::Required,
        example: r#""env:TEAM_A_SECRET_KEY""#,
        meaning: "Secret key of the project, or env:NAME or file:/path",
        meaning_zh: "项目私钥，或 env:NAME、file:/path 引用",
    },
    Key {
        name: "ingestion",
        shape: Shape::Choice(&["auto", "otlp", "batch"]),
        need: Need::Optional,
        example: r#""auto""#,
        meaning: "As LANGFUSE_INGESTION, which holds where it is not set",
        meaning_zh: "同 LANGFUSE_INGESTION；不设置时取其值",
    },
    Key {
        name: "compression",
        shape: Shape::Choice(&["gzip", "none"]),
        need: Need::Optional,
        example: r#""gzip""#,
        meaning: "As OTEL_EXPORTER_OTLP_COMPRESSION, which holds where it is not set",
        meaning_zh: "同 OTEL_EXPORTER_OTLP_COMPRESSION；不设置时取其值",
    },
    Key {
        name: "timeout",
        shape: Shape::Number,
        need: Need::Optional,
        example: "30",
        meaning: "As LANGFUSE_SDK_TIMEOUT, in seconds, which holds where it is not set",
        meaning_zh: "同 LANGFUSE_SDK_TIMEOUT，单位秒；不设置时取其值",
    },
];

pub(in super::super) static ROUTE: TableKind = TableKind {
    name: "route",
    form: Form::List,
    keys: &ROUTE_KEYS,
    meaning: "Which project a record goes to: the first rule that holds decides; where there are rules and none holds, the record becomes a \
              dead letter, unrouted",
    meaning_zh: "记录发往哪个项目：第一条成立的规则生效；有规则而无一成立时，记录成为死信（unrouted）",
};

static ROUTE_KEYS: [Key; 4] = [
    Key {
        name: "name",
        shape: Shape::Text,
        need: Need::Required,
        example: r#""team-a""#,
        meaning: "Name of the route, unique among the routes; the report counts under it",
        meaning_zh: "路由名称，在路由中唯一；报告按此名称计数",
    },
    Key {
        name: "to",
        shape: Shape::Texts,
        need: Need::Required,
        example: r#"["team-a", "default"]"#,
        meaning: "The destination, or several: a record is delivered when all of them have it",
        meaning_zh: "目标项目，可为多个：全部写入后记录才算已投递",
    },
    when(
        "When the route is taken: all of these conditions; left out, it takes every record",
        "选中该路由的条件，须全部满足；省略则匹配所有记录",
    ),
    Key {
        name: "on_refusal",
        shape: Shape::Choice(&["block", "dead_letter"]),
        need: Need::Optional,
        example: r#""dead_letter""#,
        meaning: "If a destination refuses this function (keys, permission, address): dead_letter puts the records aside and the others go on, \
                  block fails the call until it is repaired; not set: dead_letter",
        meaning_zh: "目标拒绝本函数（密钥、权限、地址）时：dead_letter 将记录转为死信，其余继续；block 使调用失败直至修复；不设置时为 dead_letter",
    },
];

/// What the file says about destinations and routes, before the settings without a table are looked at.
pub(in super::super) struct Routing {
    destinations: Vec<Entry>,
    routes: Vec<Entry>,
}

/// What a destination takes from the settings without a table where its own says nothing.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Inherited {
    /// `LANGFUSE_SDK_TIMEOUT`.
    pub request_timeout: std::time::Duration,
    /// `LANGFUSE_INGESTION`.
    pub api: IngestionApi,
    /// `OTEL_EXPORTER_OTLP_COMPRESSION`.
    pub compression: Compression,
}

impl Routing {
    /// Takes the tables out of the file.
    pub(in super::super) fn open(reader: &mut Reader<'_>) -> Self {
        Self { destinations: reader.entries(&DESTINATION), routes: reader.entries(&ROUTE) }
    }

    /// True if records may go to the destination of the settings without a table: there are no routes, or one names it.
    pub(in super::super) fn needs_default(&self) -> bool {
        let named = |route: &Entry| route.texts("to").iter().any(|to| to.text == DEFAULT);
        self.routes.is_empty() || self.routes.iter().any(named)
    }

    /// The destinations of the tables. What is wrong is recorded.
    pub(in super::super) fn destinations(&self, reader: &mut Reader<'_>, inherited: Inherited) -> Vec<DestinationSettings> {
        let used = |name: &str| self.routes.iter().any(|route| route.texts("to").iter().any(|to| to.text == name));
        for entry in &self.destinations {
            if entry.name == DEFAULT {
                reader.refuse_entry(entry, "host", entry.place, "must have another name: default is the one of LANGFUSE_HOST and its keys");
            } else if !used(&entry.name) {
                reader.refuse_entry(entry, "host", entry.place, "must be named by a [[route]], in its to; or take the table out");
            }
        }
        self.destinations.iter().filter_map(|entry| destination(reader, entry, inherited)).collect()
    }

    /// The routes to these destinations. What is wrong is recorded.
    pub(in super::super) fn routes(&self, reader: &mut Reader<'_>, destinations: &[DestinationSettings]) -> Routes {
        let mut rules = Vec::new();
        for entry in &self.routes {
            let name = reader.text(entry, "name", rules::label);
            let when = conditions(reader, entry);
            let to = self.to(reader, entry, destinations);
            let blocks = entry.text("on_refusal").is_some_and(|word| word.text == "block");
            let on_refusal = if blocks { OnRefusal::Block } else { OnRefusal::DeadLetter };
            if let Some(name) = name {
                rules.push((entry, Route { name, when, to, on_refusal }));
            }
        }
        let listed: Vec<_> = rules.iter().map(|(entry, rule)| Listed { entry, name: &rule.name, when: &rule.when }).collect();
        check_list(reader, &listed);
        Routes { rules: rules.into_iter().map(|(_, rule)| rule).collect() }
    }

    fn to(&self, reader: &mut Reader<'_>, route: &Entry, destinations: &[DestinationSettings]) -> Vec<usize> {
        let texts = route.texts("to");
        if let Some(member) = route.member("to").filter(|_| texts.is_empty()) {
            reader.refuse_entry(route, "to", member.place, "must name at least one destination");
        }
        for (index, Text { text, place }) in texts.iter().enumerate() {
            if text != DEFAULT && !self.destinations.iter().any(|entry| entry.name == *text) {
                reader.refuse_entry(route, "to", *place, self.unknown(text));
            } else if texts[..index].iter().any(|other| other.text == *text) {
                reader.refuse_entry(route, "to", *place, "must name each destination once");
            }
        }
        let index = |to: &Text| destinations.iter().position(|one| one.name.as_deref().unwrap_or(DEFAULT) == to.text);
        texts.iter().filter_map(index).collect()
    }

    fn unknown(&self, text: &str) -> String {
        let names = || self.destinations.iter().map(|entry| entry.name.as_str()).chain([DEFAULT]);
        match nearest(text, names()) {
            Some(meant) => format!("must be the NAME of a [destination.NAME], or default; did you mean {meant}?"),
            None => format!("must be the NAME of a [destination.NAME], or default; there are {}", names().collect::<Vec<_>>().join(", ")),
        }
    }
}

fn destination(reader: &mut Reader<'_>, entry: &Entry, inherited: Inherited) -> Option<DestinationSettings> {
    let base_url = reader.text(entry, "host", rules::base_url);
    let (public_key, secret_key) = match reader.langfuse_keys {
        Keys::Needed => (reader.secret_of(entry, "public_key", rules::public_key), reader.secret_of(entry, "secret_key", rules::key)),
        Keys::NotNeeded => (Some(String::new()), Some(String::new())),
    };
    let request_timeout = reader.text(entry, "timeout", rules::seconds).unwrap_or(inherited.request_timeout);
    let api = match entry.text("ingestion").map(|word| word.text.as_str()) {
        Some("otlp") => IngestionApi::Otlp,
        Some("batch") => IngestionApi::Batch,
        Some(_) => IngestionApi::Auto,
        None => inherited.api,
    };
    let compression = match entry.text("compression").map(|word| word.text.as_str()) {
        Some("none") => Compression::None,
        Some(_) => Compression::Gzip,
        None => inherited.compression,
    };
    let (base_url, public_key, secret_key) = (base_url?, public_key?, Secret::new(secret_key?));
    Some(DestinationSettings { name: Some(entry.name.clone()), base_url, public_key, secret_key, request_timeout, api, compression })
}
