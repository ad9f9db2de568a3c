//! A load like that of a busy gateway: thousands of records of all kinds over four shards, four calls at once in one instance.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use sls_to_langfuse::emulator::langfuse::{LangfuseEmulator, LangfuseWorld, StoredObservation};
use sls_to_langfuse::sls::wire;

use crate::records::{group, log};
use crate::support::{Answer, Function, SEED, World, append, event, ordinary_settings, peak_memory_mb, sls_with};

const SHARDS: u32 = 4;
const RECORDS: usize = 5000;

/// The longest text, bytes.
const LONGEST: f64 = 40_000.0;

/// What the whole process may ever hold, megabytes: half of the smallest instance.
const MEMORY_MB: u64 = 64;

/// Records that look like a gateway's, the same for the same seed.
struct Generator {
    random: fastrand::Rng,
    made: usize,
    /// Request ids of the model calls made so far.
    calls: BTreeSet<String>,
    skipped: BTreeMap<&'static str, u64>,
    /// Bytes of every text made so far.
    lengths: Vec<usize>,
}

impl Generator {
    fn new(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), made: 0, calls: BTreeSet::new(), skipped: BTreeMap::new(), lengths: Vec::new() }
    }

    /// Chinese text: half of all are shorter than a kilobyte, few reach the longest.
    fn text(&mut self) -> String {
        const WORDS: [&str; 12] =
            ["云原生", "网关", "模型", "请解释", "为什么", "代码如下：\n", "首先，", "其次，", "\"引号\"", "GPU 8×H20", "。", "😀"];
        // The sum of a few even chances is near enough to a bell.
        let bell: f64 = (0..6).map(|_| self.random.f64()).sum::<f64>() - 3.0;
        let length = (1000.0 * (bell * 1.6).exp()).min(LONGEST) as usize;
        let mut text = String::new();
        while text.len() < length {
            text.push_str(WORDS[self.random.usize(..WORDS.len())]);
        }
        self.lengths.push(text.len());
        text
    }

    fn record(&mut self) -> wire::Log {
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
    fn groups(&mut self, records: usize) -> Vec<wire::LogGroup> {
        let (mut groups, mut left) = (Vec::new(), records);
        while left > 0 {
            let size = self.random.usize(1..=20).min(left);
            groups.push(group((0..size).map(|_| self.record()).collect()));
            left -= size;
        }
        groups
    }
}

async fn call_all(world: &World, groups: &[usize]) -> Vec<Answer> {
    let call = async |shard: u32| world.function.invoke(&event(shard, SEED, SEED + groups[shard as usize] as u64)).await;
    let answers = tokio::join!(call(0), call(1), call(2), call(3));
    vec![answers.0, answers.1, answers.2, answers.3]
}

fn ids(rows: &[StoredObservation]) -> BTreeSet<(String, String)> {
    rows.iter().map(|row| (row.trace_id.clone(), row.span_id.clone())).collect()
}

#[tokio::test]
async fn five_thousand_records_in_four_calls_at_once_arrive_once_each_in_little_memory() {
    let mut generator = Generator::new(7);
    let sls = sls_with(&[0, 1, 2, 3]).await;
    let mut groups = Vec::new();
    for shard in 0..SHARDS {
        let made = generator.groups(RECORDS / SHARDS as usize);
        groups.push(made.len());
        append(&sls, shard, made);
    }
    generator.lengths.sort_unstable();
    let (median, longest) = (generator.lengths[generator.lengths.len() / 2], generator.lengths[generator.lengths.len() - 1]);
    assert!((900..1100).contains(&median) && longest >= LONGEST as usize, "{median}, {longest}");
    let langfuse = LangfuseEmulator::start(0, LangfuseWorld { keep_bodies: false, ..LangfuseWorld::default() }).await.unwrap();
    let function = Function::start(&ordinary_settings(&langfuse.base_url(), &sls.endpoint())).await;
    let world = World { sls, langfuse, function };

    let answers = call_all(&world, &groups).await;
    answers.iter().for_each(Answer::assert_success);
    let sum = |member: &str| answers.iter().map(|answer| answer.count(member)).sum::<u64>();
    assert_eq!([sum("ingestLines"), sum("shipLines")], [RECORDS as u64, generator.calls.len() as u64]);
    let mut skipped = BTreeMap::new();
    for answer in &answers {
        for (reason, count) in answer.report()["skipped"].as_object().unwrap() {
            *skipped.entry(reason.as_str()).or_default() += count.as_u64().unwrap();
        }
    }
    assert_eq!(skipped, generator.skipped);
    let sent = world.posts();
    assert_eq!([sum("requests"), sum("retries")], [sent.len() as u64, 0]);
    assert_eq!(sum("shipBytes"), sent.iter().map(|request| request.decoded_bytes as u64).sum::<u64>());
    assert_eq!(sum("wireBytes"), sent.iter().map(|request| request.wire_bytes as u64).sum::<u64>());

    let first = world.langfuse.observations();
    let arrived: BTreeSet<_> = first.iter().map(|row| row.metadata["request_id"].clone()).collect();
    assert!(arrived == generator.calls && first.len() == generator.calls.len());
    assert!(first.iter().all(|row| row.arrivals == 1) && world.langfuse.lost().is_empty());

    call_all(&world, &groups).await.iter().for_each(Answer::assert_success);
    let second = world.langfuse.observations();
    assert!(ids(&second) == ids(&first) && second.iter().all(|row| row.arrivals == 2));

    if let Some(peak) = peak_memory_mb(&world.function) {
        assert!(peak < MEMORY_MB, "{peak} MB");
        println!("peak {peak} MB, {} MB of pages", 2 * sum("ingestBytes") / 1_000_000);
    }
}
