//! Records that look like those of a busy gateway: every kind, Chinese text of every length, some cut on their way.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use sls_to_langfuse::sls::wire;

use crate::records::{group, log};

/// How long the texts of records are, bytes.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub median: f64,
    pub longest: f64,
}

/// Makes records, the same ones for the same seed.
pub struct Generator {
    random: fastrand::Rng,
    shape: Shape,
    made: usize,
    /// Request ids of the model calls made so far.
    pub calls: BTreeSet<String>,
    pub skipped: BTreeMap<&'static str, u64>,
    /// Bytes of every text made so far.
    pub lengths: Vec<usize>,
}

impl Generator {
    pub fn new(seed: u64, shape: Shape) -> Self {
        Self {
            shape,
            random: fastrand::Rng::with_seed(seed),
            made: 0,
            calls: BTreeSet::new(),
            skipped: BTreeMap::new(),
            lengths: Vec::new(),
        }
    }

    /// Chinese text: half of all are shorter than the median, few reach the longest.
    fn text(&mut self) -> String {
        const WORDS: [&str; 12] =
            ["云原生", "网关", "模型", "请解释", "为什么", "代码如下：\n", "首先，", "其次，", "\"引号\"", "GPU 8×H20", "。", "😀"];
        // The sum of a few even chances is near enough to a bell.
        let bell: f64 = (0..6).map(|_| self.random.f64()).sum::<f64>() - 3.0;
        let length = (self.shape.median * (bell * 1.6).exp()).min(self.shape.longest) as usize;
        let mut text = String::new();
        while text.len() < length {
            text.push_str(WORDS[self.random.usize(..WORDS.len())]);
        }
        self.lengths.push(text.len());
        text
    }

    pub fn record(&mut self) -> wire::Log {
        self.made += 1;
        let request_id = format!("load-{:08}", self.made);
        let kind = self.random.u32(..100);
        if kind < 8 {
            return self.skipped(&request_id, "not_a_model_call");
        }
        if kind < 10 {
            return self.skipped(&request_id, "not_a_gateway_log");
        }
        self.calls.insert(request_id.clone());
        let (path, details, ai_log) = self.call(kind);
        // Every twentieth log was cut on its way, in the middle of a character too.
        let ai_log =
            if kind % 20 == 19 { String::from_utf8_lossy(&ai_log.as_bytes()[..ai_log.len() * 2 / 3]).into_owned() } else { ai_log };
        let start =
            format!("2026-03-02T{:02}:{:02}:{:02}.{:03}Z", self.made / 3600 % 24, self.made / 60 % 60, self.made % 60, self.made % 1000);
        let trace_id = if kind.is_multiple_of(7) { "-".to_owned() } else { format!("{:032x}", self.random.u128(1..)) };
        let duration = self.random.u32(1..60_000).to_string();
        let (question, answer) = if kind.is_multiple_of(3) { (self.text(), self.text()) } else { ("-".to_owned(), "-".to_owned()) };
        log(&[
            ("ai_log", &ai_log),
            ("question", &question),
            ("answer", &answer),
            ("authority", "llm.demo.example.org"),
            ("bytes_received", "512"),
            ("bytes_sent", "2048"),
            ("consumer", "-"),
            ("downstream_remote_address", "192.0.2.11:41001"),
            ("duration", &duration),
            ("method", "POST"),
            ("original_path", path),
            ("path", path),
            ("request_id", &request_id),
            ("response_code", if kind.is_multiple_of(17) { "500" } else { "200" }),
            ("response_code_details", details),
            ("response_flags", "-"),
            ("route_name", "demo-chat@a@b@c"),
            ("start_time", &start),
            ("trace_id", &trace_id),
            ("upstream_cluster", "outbound|443||llm-demo.internal.dns"),
            ("upstream_host", "192.0.2.200:443"),
            ("user_agent", "demo-client/1.0"),
            ("x_forwarded_for", "192.0.2.11"),
        ])
    }

    /// Path, details and `ai_log` of a call.
    fn call(&mut self, kind: u32) -> (&'static str, &'static str, String) {
        let usage = (self.random.u32(1..8000), self.random.u32(..4000));
        let base = json!({"api": "demo@a@b", "consumer": format!("user-{}", self.random.u32(..50)), "model": "qwen-plus",
                          "input_token": usage.0, "output_token": usage.1, "total_token": usage.0 + usage.1});
        let with = |more: serde_json::Value| {
            let mut all = base.clone();
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            all.to_string()
        };
        match kind {
            10..=49 => {
                let (first, second, third) = (self.text(), self.text(), self.text());
                let messages = json!([{"role": "system", "content": first}, {"role": "user", "content": second}]);
                ("/v1/chat/completions", "via_upstream", with(json!({"messages": messages, "question": second, "answer": third})))
            }
            50..=64 => ("/v1/chat/completions", "via_upstream", with(json!({"llm_first_token_duration": 295, "response_type": "stream"}))),
            65..=74 => {
                let call =
                    json!([{"function": {"arguments": json!({"q": self.text()}).to_string(), "name": "search"}, "id": "c", "index": 0}]);
                ("/v1/messages", "via_upstream", with(json!({"question": self.text(), "tool_calls": call, "reasoning": self.text()})))
            }
            75..=84 => ("/v1/embeddings", "via_upstream", base.to_string()),
            85..=92 => ("/mcp-servers/docs", "mcp:tools/call:docs/search_docs:result", json!({"mcp_tool_name": "search_docs"}).to_string()),
            _ => ("/api/v1/apps/demoapp/completion", "via_upstream", with(json!({"session_id": "s-1", "answer": self.text()}))),
        }
    }

    fn skipped(&mut self, request_id: &str, reason: &'static str) -> wire::Log {
        *self.skipped.entry(reason).or_default() += 1;
        if reason == "not_a_gateway_log" {
            return log(&[("content", &self.text())]);
        }
        log(&[("request_id", request_id), ("method", "GET"), ("path", "/index.html"), ("response_code", "200"), ("ai_log", "-")])
    }

    /// A shard's groups: one to twenty logs each, as a collector sends them.
    pub fn groups(&mut self, records: usize) -> Vec<wire::LogGroup> {
        let (mut groups, mut left) = (Vec::new(), records);
        while left > 0 {
            let size = self.random.usize(1..=20).min(left);
            groups.push(group((0..size).map(|_| self.record()).collect()));
            left -= size;
        }
        groups
    }
}
