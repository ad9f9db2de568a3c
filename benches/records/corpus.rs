//! Pages of access logs as a busy gateway writes them, the same ones in every run: about 4.5 kB a record, a third of it the fields of the
//! proxy and the rest `ai_log`, in which the gateway's encoder has escaped what such encoders escape.
//!
//! For the steps inside of a call: streams, conversations, tools, embeddings and refusals in fixed shares, because parsing and mapping cost
//! something else for each. `benches/corpus` is another one, of one kind of call in any number, for whole processes and compressors. Figures that are
//! published rest on the bytes of each, so neither takes the place of the other.

use fastrand::Rng;
use prost::Message;
use sls_to_langfuse::sls::wire::{Content, Log, LogGroup, LogGroupList, LogTag};

/// Records of a page, and of a log group in it.
const PAGE: usize = 256;
const GROUP: usize = 16;

/// The first second of the corpus: 2026-03-02T02:10:00Z.
const FIRST_SECOND: u32 = 1_772_417_400;

/// How the texts of prompts and answers compress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Texture {
    /// To about a quarter, as prose does: some phrases that come again and again, and a thousand words in any order between them.
    Well,
    /// Hardly: words that never come again, as of codes, keys and measurements.
    Badly,
    /// To a tenth: the same phrases in any order, in short calls, refusals and lines of tool servers, so that what a record costs whatever its
    /// size weighs most.
    Alike,
}

/// A page as it comes over the wire.
pub struct Packed {
    /// A raw LZ4 block.
    pub body: Vec<u8>,
    /// Bytes after decompression.
    pub raw_size: u64,
}

/// Pages of one texture.
pub struct Corpus {
    pub pages: Vec<Packed>,
    /// Records in all pages.
    pub records: usize,
    /// Bytes of all pages after decompression.
    pub raw_bytes: u64,
}

impl Corpus {
    pub fn new(texture: Texture, pages: usize) -> Self {
        let mut gateway = Gateway { random: Rng::with_seed(20_261_120), texture, words: Vec::new(), made: 0 };
        gateway.words = (0..1000).map(|_| gateway.word()).collect();
        let pages: Vec<_> = (0..pages).map(|_| gateway.page()).collect();
        let raw_bytes = pages.iter().map(|page| page.raw_size).sum();
        Self { records: pages.len() * PAGE, pages, raw_bytes }
    }
}

struct Gateway {
    random: Rng,
    texture: Texture,
    /// Known words.
    words: Vec<String>,
    made: u32,
}

impl Gateway {
    fn page(&mut self) -> Packed {
        let log_groups = (0..PAGE / GROUP).map(|_| self.group()).collect();
        let raw = LogGroupList { log_groups }.encode_to_vec();
        Packed { body: lz4_flex::block::compress(&raw), raw_size: raw.len() as u64 }
    }

    fn group(&mut self) -> LogGroup {
        let logs: Vec<_> = (0..GROUP).map(|_| self.record()).collect();
        let tag = |key: &str, value: String| LogTag { key: key.into(), value: value.into() };
        let received = FIRST_SECOND + self.made / 10 + 3;
        LogGroup {
            logs,
            topic: Some(b"ai-gateway".to_vec()),
            source: Some(b"192.0.2.10".to_vec()),
            log_tags: vec![tag("__hostname__", "gateway-0".to_owned()), tag("__receive_time__", received.to_string())],
            ..LogGroup::default()
        }
    }

    /// One call. Of ten, seven are streamed chats, one logs its whole conversation, one calls tools after some thought, and one is an
    /// embedding or was refused.
    fn record(&mut self) -> Log {
        self.made += 1;
        let call = if self.texture == Texture::Alike { self.short_call() } else { self.call() };
        let contents = self.fields(&call).into_iter().map(|(key, value)| Content { key: key.into(), value: value.into_bytes() });
        Log { time: FIRST_SECOND + self.made / 10, contents: contents.collect(), time_ns: None }
    }

    fn call(&mut self) -> Call {
        let (made, kind) = (self.made, self.made % 10);
        match kind {
            0 if made % 20 == 0 => Call { path: "/v1/embeddings", code: "200", details: "via_upstream", ai_log: self.embedding() },
            0 => Call { path: "/v1/chat/completions", code: "429", details: "via_upstream", ai_log: self.refused() },
            3 => Call { path: "/v1/chat/completions", code: "200", details: "via_upstream", ai_log: self.conversation() },
            7 => Call { path: "/v1/chat/completions", code: "200", details: "via_upstream", ai_log: self.tools() },
            _ => Call { path: "/compatible-mode/v1/chat/completions", code: "200", details: "via_upstream", ai_log: self.chat() },
        }
    }

    /// Of ten calls, four are chats, one of them logged up to a cut; two were refused before anybody read them, two are a tool's, and two are
    /// embeddings.
    fn short_call(&mut self) -> Call {
        let chat = |ai_log| Call { path: "/v1/chat/completions", code: "200", details: "via_upstream", ai_log };
        match self.made % 10 {
            0..=2 => chat(self.chat()),
            3 => chat(self.cut()),
            4 | 5 => {
                let ai_log = r#"{"token_ratelimit_status":"limited"}"#.to_owned();
                Call { path: "/v1/chat/completions", code: "429", details: "ai-token-ratelimit.rejected", ai_log }
            }
            6 | 7 => {
                let ai_log = r#"{"api":"demo-mcp@a@b","consumer":"demo-agent","mcp_tool_name":"search_docs"}"#.to_owned();
                Call { path: "/mcp-servers/docs", code: "200", details: "via_upstream", ai_log }
            }
            _ => Call { path: "/v1/embeddings", code: "200", details: "via_upstream", ai_log: self.embedding() },
        }
    }

    fn fields(&mut self, call: &Call) -> Vec<(&'static str, String)> {
        let (made, id) = (self.made, self.hex(32));
        let text = str::to_owned;
        let peer = format!("192.0.2.{}:{}", self.random.u8(1..250), self.random.u16(20_000..60_000));
        let request = format!("{}-{}-{}-{}-{}", self.hex(8), self.hex(4), self.hex(4), self.hex(4), self.hex(12));
        vec![
            ("ai_log", call.ai_log.clone()),
            ("answer", text("-")),
            ("authority", text("llm.demo.example.org")),
            ("bytes_received", self.random.u32(400..90_000).to_string()),
            ("bytes_sent", self.random.u32(400..90_000).to_string()),
            ("cluster_id", text("gw-demo000000000000000")),
            ("consumer", text("-")),
            ("downstream_local_address", text("172.16.3.4:80")),
            ("downstream_remote_address", peer.clone()),
            ("downstream_transport_failure_reason", text("-")),
            ("duration", self.random.u32(300..60_000).to_string()),
            ("method", text("POST")),
            ("original_path", text(call.path)),
            ("path", text(call.path)),
            ("protocol", text("HTTP/1.1")),
            ("question", text("-")),
            ("request_duration", text("1")),
            ("request_id", request),
            ("requested_server_name", text("llm.demo.example.org")),
            ("response_code", text(call.code)),
            ("response_code_details", text(call.details)),
            ("response_flags", text("-")),
            ("response_tx_duration", self.random.u32(1..9000).to_string()),
            ("route_name", text("demo-chat@a@b@c")),
            ("start_time", format!("2026-03-02T{:02}:{:02}:{:02}.{:03}Z", made / 3600 % 24, made / 60 % 60, made % 60, made * 37 % 1000)),
            ("trace_id", id),
            ("upstream_cluster", text("outbound|443||llm-demo.internal.dns")),
            ("upstream_host", format!("198.51.100.{}:443", self.random.u8(1..250))),
            ("upstream_local_address", text("172.16.3.4:50112")),
            ("upstream_protocol", text("HTTP/1.1")),
            ("upstream_service_time", self.random.u32(100..9000).to_string()),
            ("upstream_transport_failure_reason", text("-")),
            ("user_agent", text("OpenAI/Python 1.109.1")),
            ("x_forwarded_for", peer),
        ]
    }

    fn chat(&mut self) -> String {
        let (question, answer) = (self.text(900), self.text(2200));
        let more = format!(r#""answer":"{answer}","question":"{question}","llm_first_token_duration":{},"#, self.random.u32(90..3000));
        self.ai_log("qwen-plus", "stream", &more)
    }

    /// All messages, and the last of them once more as the question.
    fn conversation(&mut self) -> String {
        let (system, question, answer) = (self.text(600), self.text(700), self.text(1000));
        let messages = format!(r#"[{{"content":"{system}","role":"system"}},{{"content":"{question}","role":"user"}}]"#);
        self.ai_log("qwen3-max", "normal", &format!(r#""answer":"{answer}","question":"{question}","messages":{messages},"#))
    }

    /// As a gateway with a limit for the length of a field logs it.
    fn cut(&mut self) -> String {
        let mut ai_log = self.chat();
        let kept = (0..=ai_log.len() * 2 / 3).rev().find(|at| ai_log.is_char_boundary(*at)).unwrap_or_default();
        ai_log.truncate(kept);
        ai_log
    }

    fn tools(&mut self) -> String {
        let (question, thoughts, argument) = (self.text(1100), self.text(1300), self.text(300));
        // The arguments are JSON in a string: what is escaped in them is escaped twice.
        let argument = argument.replace('\\', r"\\").replace('"', r#"\""#);
        let arguments = format!(r#"{{\"query\":\"{argument}\",\"limit\":5}}"#);
        let calls = format!(
            r#"[{{"function":{{"arguments":"{arguments}","name":"search"}},"id":"call_{}","index":0,"type":"function"}}]"#,
            self.hex(24)
        );
        let more = format!(
            r#""question":"{question}","reasoning":"{thoughts}","tool_calls":{calls},"reasoning_tokens":{},"#,
            self.random.u32(1..900)
        );
        self.ai_log("deepseek-r1", "stream", &more)
    }

    fn embedding(&mut self) -> String {
        let question = self.text(2000);
        self.ai_log("text-embedding-v4", "normal", &format!(r#""question":"{question}","#))
    }

    fn refused(&mut self) -> String {
        let question = self.text(2500);
        self.ai_log("qwen-plus", "normal", &format!(r#""question":"{question}","token_ratelimit_status":"limited","#))
    }

    /// The members that every call has, beside those of its kind.
    fn ai_log(&mut self, model: &str, response: &str, more: &str) -> String {
        let (input, output, cached) = (self.random.u32(200..8000), self.random.u32(1..4000), self.random.u32(..200));
        let ids = (self.hex(24), self.random.u8(1..60), self.random.u16(..900));
        format!(
            r#"{{"api":"demo-chat@a@b","chat_id":"chatcmpl-{}","chat_round":1,"consumer":"team-{}",{more}"input_token":{input},"input_token_details":{{"cached_tokens":{cached}}},"llm_service_duration":{},"model":"{model}","output_token":{output},"request_model":"{model}","response_type":"{response}","safecheck_status":"allow","session_id":"sess-{}","total_token":{}}}"#,
            ids.0,
            ids.1,
            self.random.u32(300..60_000),
            ids.2,
            input + output,
        )
    }

    /// A text as it stands inside a JSON string, escapes included, of about so many bytes.
    fn text(&mut self, median: usize) -> String {
        let length = self.random.usize(median / 2..median * 3 / 2);
        let mut text = String::with_capacity(length + 64);
        while text.len() < length {
            match self.texture {
                Texture::Well if self.random.u8(..5) == 0 => text.push_str(PHRASES[self.random.usize(..PHRASES.len())]),
                Texture::Well => text.push_str(&self.words[self.random.usize(..self.words.len())]),
                Texture::Badly => text.push_str(&self.word()),
                Texture::Alike => text.push_str(PHRASES[self.random.usize(..PHRASES.len())]),
            }
        }
        text
    }

    /// A word that nobody has seen before: Latin letters and digits, or Chinese characters; punctuation or a line break behind it.
    fn word(&mut self) -> String {
        const LETTERS: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
        let mut word: String = if self.random.u8(..3) == 0 {
            (0..self.random.u8(2..9)).filter_map(|_| char::from_u32(self.random.u32(0x4e00..0x9fa5))).collect()
        } else {
            (0..self.random.u8(3..14)).map(|_| char::from(LETTERS[self.random.usize(..LETTERS.len())])).collect()
        };
        word.push_str(BETWEEN[self.random.usize(..BETWEEN.len())]);
        word
    }

    fn hex(&mut self, digits: usize) -> String {
        (0..digits).map(|_| char::from(b"0123456789abcdef"[self.random.usize(..16)])).collect()
    }
}

/// What the proxy and the plugins write about a call.
struct Call {
    path: &'static str,
    code: &'static str,
    details: &'static str,
    ai_log: String,
}

const BETWEEN: [&str; 12] = [" ", " ", " ", " ", " ", ", ", ". ", r"\n", r#" \"x\" "#, r"\u003cb\u003e", "，", "。"];

const PHRASES: [&str; 24] = [
    "The gateway logs each call once it has ended, with the tokens that were counted and the time that it took. ",
    "Please summarise what has changed since last week, who is affected, and what should we do next? ",
    "Here is what I found in the documents that you gave me:",
    r"\n\n1. The first item is the most important one.\n2. The second follows from it.\n",
    r#"He said \"that depends on the circumstances\" and left the room. "#,
    "You are a helpful assistant. Answer briefly, in the language of the question, and never invent sources. ",
    "云原生是一种让应用从设计之初就适合在云上弹性运行的方法，",
    "请根据以下会议纪要写一份总结，重点说明三件事：第一，网关每天约处理多少次调用；",
    "第二，哪些团队受到影响；第三，下一步应该怎么做。",
    r"回答如下：\n\n首先，需要确认配置是否正确；其次，检查网络连接是否正常。\n",
    r"```python\nfor item in items:\n    print(item)\n```\n",
    r"\u003cp\u003eThis paragraph is shown to the customer \u0026 to the agent.\u003c/p\u003e",
    "In the morning the number of requests rises, and towards noon it reaches its highest point of the day. ",
    "We recommend to keep the connection open between two calls, since a handshake costs more than the request. ",
    "If the limit is reached, wait for a minute and try again with a smaller range. ",
    "The following table lists the regions in which the service is available at the moment. ",
    r"| region | requests | errors |\n|---|---|---|\n| cn-hangzhou | 120394 | 12 |\n",
    "根据您提供的信息，该问题很可能是由于超时设置过短引起的。",
    "建议将超时时间调整为六十秒，并在重试之间加入随机等待。",
    "如果问题仍然存在，请提供请求编号，我们会继续排查。",
    "This is expected behaviour and needs no action on your side. ",
    "It was introduced in the last release and is described in the manual under the heading of limits. ",
    r#"{\"status\":\"ok\",\"items\":[1,2,3],\"next\":null} "#,
    "Let me think about this step by step before I give an answer. ",
];
