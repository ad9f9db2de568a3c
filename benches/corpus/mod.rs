//! Log groups as a busy gateway writes them, the same ones for the same seed, and the request bodies that they become.
//!
//! About 4.5 KB a record, most of it the prompt and the answer inside `ai_log`. Only the texts differ between the two corpora: that decides
//! what compression costs.
//!
//! For whole processes and for compressors: any number of records, all of one kind, so that each costs what its neighbour does and two runs differ
//! by what is measured. `benches/records/corpus.rs` is another one: a fixed number of pages with every kind of call and every escape in them,
//! for the steps inside of a call. Figures that are published rest on the bytes of each, so neither takes the place of the other.

#![allow(dead_code, reason = "every benchmark takes what it needs")]

use std::collections::HashSet;

use prost::Message;
use serde_json::json;
use sls_to_langfuse::convert::Converter;
use sls_to_langfuse::export::otlp;
use sls_to_langfuse::judge::Judge;
use sls_to_langfuse::origin::Position;
use sls_to_langfuse::select::Selection;
use sls_to_langfuse::sls::decode;
use sls_to_langfuse::sls::wire::{Content, Log, LogGroup};
use sls_to_langfuse::spare::Spare;
use sls_to_langfuse::trace::settings::TraceSettings;

/// What the texts are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Texts {
    /// Every word is new: it compresses badly, to a half.
    Varied,
    /// The same system prompt everywhere, and answers out of the same sentences: it compresses to a tenth.
    Alike,
}

impl Texts {
    /// Both, in the order in which they are told.
    pub const BOTH: [Self; 2] = [Self::Varied, Self::Alike];

    /// As it is told.
    pub fn name(self) -> &'static str {
        match self {
            Self::Varied => "compresses badly",
            Self::Alike => "compresses well",
        }
    }
}

/// Records in one log group, about what a collector puts into one.
pub const RECORDS_PER_GROUP: usize = 10;

/// Bytes of the three texts of a record: system prompt, question, answer.
const LENGTHS: [usize; 3] = [800, 600, 1300];

const SENTENCES: [&str; 10] = [
    "请先阅读下面的会议纪要，然后用三句话总结它，不要超过一百个字。",
    "The gateway logs each call once it has ended, with the tokens that were counted and the time that it took. ",
    "首先，检查网关的路由配置；其次，查看上游服务的健康状态；最后，确认模型的配额是否用完。",
    "You are a helpful assistant of the support team. Answer briefly, cite the document, and never invent an order number. ",
    "如果问题仍然存在，请把请求编号和发生时间一起提交给值班同事。",
    "Here is the list of steps:\n1. Open the console\n2. Choose the region\n3. Create the Logstore\n",
    "```python\ndef handler(event, context):\n    return {\"status\": 200}\n```\n",
    "云原生是一种让应用从设计之初就适合在云上弹性运行的方法。",
    "I could not find anything about that in the documents that you gave me. ",
    "模型回答：“没有什么需要改变的”，然后列出了5条建议，供大家参考。",
];

/// So many records in groups.
pub fn groups(texts: Texts, records: usize, seed: u64) -> Vec<LogGroup> {
    let mut writer = Writer { random: fastrand::Rng::with_seed(seed), texts };
    let full = (0..records / RECORDS_PER_GROUP).map(|_| RECORDS_PER_GROUP);
    full.chain([records % RECORDS_PER_GROUP].into_iter().filter(|rest| *rest > 0)).map(|size| writer.group(size)).collect()
}

/// Groups of so many records each.
pub fn groups_of(texts: Texts, records: &[usize], seed: u64) -> Vec<LogGroup> {
    let mut writer = Writer { random: fastrand::Rng::with_seed(seed), texts };
    records.iter().map(|size| writer.group(*size)).collect()
}

/// Groups as one decoded page.
pub fn page(groups: &[LogGroup]) -> Vec<u8> {
    let mut page = Vec::new();
    for group in groups {
        page.push(0x0a);
        prost::encoding::encode_varint(group.encoded_len() as u64, &mut page);
        page.extend(group.encode_to_vec());
    }
    page
}

/// The bodies of the OTLP requests that the records become, before compression.
pub fn bodies(groups: &[LogGroup]) -> Vec<Vec<u8>> {
    let (trace, selection) = (TraceSettings::default(), Selection::default());
    let mut converter = Converter::new(Judge { trace: &trace, selection: &selection }, [HashSet::new()], Spare::default());
    let mut batches = Vec::new();
    let page = page(groups);
    for record in decode::groups(&page).flatten().flat_map(|group| group.records()).flatten() {
        let position = Position { group: None, index: 0, received: None };
        batches.extend(converter.convert(&record, position).full);
    }
    batches.extend(converter.take());
    let body = |spans: &[u8]| [otlp::body_prefix(spans.len()).as_slice(), spans].concat();
    batches.iter().map(|(_, batch)| body(batch.bytes_of(&(0..batch.len())))).collect()
}

struct Writer {
    random: fastrand::Rng,
    texts: Texts,
}

impl Writer {
    fn group(&mut self, size: usize) -> LogGroup {
        LogGroup { logs: (0..size).map(|_| self.log()).collect(), ..LogGroup::default() }
    }

    fn log(&mut self) -> Log {
        let number = |text: u32| text.to_string();
        let (ai_log, random) = (self.ai_log(), &mut self.random);
        let start = format!("2026-03-02T{:02}:{:02}:{:02}.{:03}Z", random.u8(..24), random.u8(..60), random.u8(..60), random.u16(..1000));
        let fields = [
            ("ai_log", ai_log),
            ("answer", "-".into()),
            ("authority", "llm.demo.example.org".into()),
            ("bytes_received", number(random.u32(500..5000))),
            ("bytes_sent", number(random.u32(500..9000))),
            ("cluster_id", "gw-demo000000000000000".into()),
            ("consumer", "-".into()),
            ("downstream_local_address", "172.16.3.4:80".into()),
            ("downstream_remote_address", format!("192.0.2.{}:{}", random.u8(..), random.u16(1024..))),
            ("downstream_transport_failure_reason", "-".into()),
            ("duration", number(random.u32(100..60_000))),
            ("method", "POST".into()),
            ("original_path", "/v1/chat/completions".into()),
            ("path", "/v1/chat/completions".into()),
            ("protocol", "HTTP/1.1".into()),
            ("question", "-".into()),
            ("request_duration", number(random.u32(..50))),
            ("request_id", format!("{:08x}-{:04x}-4a58-9d2b-{:012x}", random.u32(..), random.u16(..), random.u64(..1 << 48))),
            ("requested_server_name", "llm.demo.example.org".into()),
            ("response_code", "200".into()),
            ("response_code_details", "via_upstream".into()),
            ("response_flags", "-".into()),
            ("response_tx_duration", number(random.u32(..50_000))),
            ("route_name", "demo-chat@a@b@c".into()),
            ("start_time", start),
            ("trace_id", format!("{:032x}", random.u128(1..))),
            ("upstream_cluster", "outbound|443||llm-demo.internal.dns".into()),
            ("upstream_host", "192.0.2.200:443".into()),
            ("upstream_local_address", format!("172.16.3.4:{}", random.u16(1024..))),
            ("upstream_protocol", "HTTP/1.1".into()),
            ("upstream_service_time", number(random.u32(..5000))),
            ("upstream_transport_failure_reason", "-".into()),
            ("user_agent", "demo-client/1.0".into()),
            ("x_forwarded_for", "192.0.2.11".into()),
        ];
        let contents = fields.into_iter().map(|(key, value)| Content { key: key.into(), value: value.into_bytes() }).collect();
        Log { time: 1_772_417_413, contents, time_ns: None }
    }

    fn ai_log(&mut self) -> String {
        let [system, question, answer] = LENGTHS;
        let system = if self.texts == Texts::Alike { SENTENCES[3].repeat(system / SENTENCES[3].len()) } else { self.text(system) };
        let (question, answer) = (self.text(question), self.text(answer));
        let tokens = (self.random.u32(1..8000), self.random.u32(1..4000));
        json!({
            "answer": answer, "api": "demo-chat@a@b", "chat_id": format!("chatcmpl-{:016x}", self.random.u64(..)), "chat_round": 1,
            "consumer": format!("user-{}", self.random.u32(..500)), "input_token": tokens.0, "llm_first_token_duration": 371,
            "llm_service_duration": self.random.u32(300..60_000),
            "messages": [{"content": system, "role": "system"}, {"content": question, "role": "user"}], "model": "qwen-plus",
            "output_token": tokens.1, "question": question, "response_type": "stream", "total_token": tokens.0 + tokens.1
        })
        .to_string()
    }

    fn text(&mut self, length: usize) -> String {
        let mut text = String::with_capacity(length + 128);
        while text.len() < length {
            match self.texts {
                Texts::Alike => text.push_str(SENTENCES[self.random.usize(..SENTENCES.len())]),
                Texts::Varied => self.word(&mut text),
            }
        }
        text
    }

    /// A word of letters that nobody has said before, or one of Chinese characters, which come as often as each other.
    fn word(&mut self, text: &mut String) {
        if self.random.bool() {
            (0..self.random.usize(2..10)).for_each(|_| text.push(self.random.lowercase()));
            text.push(' ');
        } else {
            (0..self.random.usize(1..5)).for_each(|_| text.extend(char::from_u32(self.random.u32(0x4e00..0x5c00))));
        }
    }
}
