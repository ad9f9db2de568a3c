//! What masking costs: one kilobyte of text, beside the floor of looking once at every byte. `make bench`.
//!
//! The best of many rounds is told, since a busy machine only ever adds. The bound is that of the contract: 5 µs a kilobyte with all
//! built-in patterns; the program fails above it.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use sls_to_langfuse::masking::{Ends, Found, Kinds, Masking, Pattern};

/// The longest time for one kilobyte of text.
const BOUND: Duration = Duration::from_micros(5);

/// Rounds of each measurement, and how often the text is searched in each.
const ROUNDS: usize = 200;
const REPEATS: u32 = 200;

const ENGLISH: &str = "The gateway logs each call once it has ended, with the tokens that were counted and the time that it took. \
    In 2024 there were 1200 calls a day; today (2026-03-02 10:15) there are 35,000, most of them from one team. Please summarise: what \
    changed, who is affected, and what should we do next? \"Nothing\", said the model. ";

const CHINESE: &str = "请根据以下会议纪要写一份总结，重点说明三件事：第一，网关在2024年每天约1200次调用，现在是3.5万次；第二，\
    哪些团队受到影响；第三，下一步怎么做。模型回答：“没有什么需要改变的”，然后列出了5条建议，供大家参考。";

const JSON: &str = r#"[{"role":"system","content":"You are helpful.\nAnswer in Chinese."},{"role":"user","content":[{"type":"text","text":"帮我查一下 order 20240302 的状态"}]},{"role":"assistant","content":null,"tool_calls":[{"id":"call_8f2d","type":"function","function":{"name":"lookup","arguments":"{\"order\":\"20240302\",\"verbose\":true}"}}]}]"#;

const SECRETS: &str = "我叫张三，身份证11010519491231002X，手机13800138000，邮箱zhang.san@example.com，卡号4111 1111 1111 1111，\
    key sk-abcdefghijklmnop1234, host 10.1.2.3, plate 京A12345. ";

fn main() -> ExitCode {
    let masking = Masking::default();
    let own = vec![
        Pattern { name: "employee".into(), regex: "EMP[0-9]{6}".into() },
        Pattern { name: "ticket".into(), regex: "工号[:：][0-9]{4}".into() },
    ];
    let Ok(with_own) = Masking::new(Kinds::ALL, own) else { return ExitCode::FAILURE };
    let json = format!("[{}]", vec![JSON; 1 + 1024 / JSON.len()].join(","));
    let texts = [("English", kilobyte(ENGLISH)), ("Chinese", kilobyte(CHINESE)), ("JSON", json), ("full of secrets", kilobyte(SECRETS))];
    println!("{:<32} {:>10} {:>10} {:>8}", "per kilobyte", "time", "floor", "ratio");
    let mut within = true;
    for (name, text) in &texts {
        let floor = measure(text, |text| text.bytes().filter(|byte| *byte == b'@').count());
        let built_in = measure(text, |text| length(search(&masking, name, text)));
        report(name, built_in, floor);
        within &= built_in <= BOUND;
        report(&format!("{name}, 2 own patterns"), measure(text, |text| length(search(&with_own, name, text))), floor);
    }
    println!("bound for built-in patterns: {BOUND:?} a kilobyte: {}", if within { "kept" } else { "BROKEN" });
    if within { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// As in a record: structures are known to be JSON there, and texts are not.
fn search(masking: &Masking, name: &str, text: &str) -> Option<String> {
    let found = &mut Found::new();
    if name == "JSON" { masking.json(text, Ends::Whole, found) } else { masking.text(text, Ends::Whole, found) }
}

fn length(masked: Option<String>) -> usize {
    masked.map_or(0, |masked| masked.len())
}

/// As many times the text as make one kilobyte.
fn kilobyte(text: &str) -> String {
    let long = text.repeat(1 + 1024 / text.len());
    long[..long.floor_char_boundary(1024)].to_owned()
}

/// The best time for one kilobyte of this text.
fn measure(text: &str, search: impl Fn(&str) -> usize) -> Duration {
    let round = || {
        let began = Instant::now();
        for _ in 0..REPEATS {
            black_box(search(black_box(text)));
        }
        began.elapsed() / REPEATS
    };
    let best = (0..ROUNDS).map(|_| round()).min().unwrap_or_default();
    best.mul_f64(1024.0 / text.len() as f64)
}

fn report(name: &str, time: Duration, floor: Duration) {
    println!("{name:<32} {:>7.2} µs {:>7.3} µs {:>7.1}×", micros(time), micros(floor), time.as_secs_f64() / floor.as_secs_f64());
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
