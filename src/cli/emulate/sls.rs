//! `emulate sls`: the SLS stand-in for as long as somebody needs it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::{cannot_listen, program, until_told_to_end};
use crate::cli::arguments::{logstore_name, project_name};
use crate::cli::ending::Ending;
use crate::cli::stand_in::bad_logs;
use crate::cli::{Surroundings, input, sample, say};
use crate::config::Variables;
use crate::emulator::sls::{AccessKey, Action, Grant, ShardSpec, SlsEmulator, SlsWorld, groups_from_jsonl};
use crate::sls::unix_seconds;
use crate::sls::wire::LogGroup;

const KEY_ID: &str = "ALIBABA_CLOUD_ACCESS_KEY_ID";
const KEY_SECRET: &str = "ALIBABA_CLOUD_ACCESS_KEY_SECRET";

/// Logs in one log group of a large file, about what a collector puts into one.
const LOGS_PER_GROUP: usize = 100;

/// Arguments of `emulate sls`.
#[derive(Args, Debug)]
pub struct Sls {
    /// Port on 127.0.0.1; 0 takes any free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Logs that it holds, one JSON object a line [default: twelve sample logs]
    #[arg(long, value_name = "FILE.jsonl")]
    logs: Option<PathBuf>,
    /// Project
    #[arg(long, value_name = "NAME", default_value = "demo-project", value_parser = project_name)]
    project: String,
    /// Logstore
    #[arg(long, value_name = "NAME", default_value = "ai-gateway-log", value_parser = logstore_name)]
    logstore: String,
    /// Shards, over which the logs are spread
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    shards: u32,
    /// A RAM action that the key may not do, such as log:ListShards; may be given several times
    #[arg(long, value_name = "ACTION", value_parser = action)]
    deny: Vec<Action>,
    /// For how many days GetLogStore says that logs are kept
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3650))]
    retention: u32,
    /// By how many seconds its clock is ahead; negative: behind
    #[arg(long, value_name = "SECONDS", default_value_t = 0, allow_negative_numbers = true)]
    clock_ahead: i32,
    /// Access key that may do everything [default: ALIBABA_CLOUD_ACCESS_KEY_ID, else one that is printed]
    #[arg(long, value_name = "ID", requires = "access_key_secret")]
    access_key_id: Option<String>,
    /// Its secret [default: ALIBABA_CLOUD_ACCESS_KEY_SECRET, else one that is printed]
    #[arg(long, value_name = "SECRET", requires = "access_key_id")]
    access_key_secret: Option<String>,
}

/// The key that opens the stand-in.
struct Key {
    id: String,
    secret: String,
    /// Brought by the user, so not to be printed.
    given: bool,
}

impl Sls {
    /// Runs it until it is told to end.
    pub async fn run(self, around: Surroundings<'_>) -> Result<(), Ending> {
        let key = self.key(around.variables)?;
        let logs = self.logs.as_ref().map(|path| input::text(path, "the logs")).transpose()?;
        let groups = self.groups(logs.as_deref().unwrap_or(sample::LOGS))?;
        let sls = SlsEmulator::start(self.port, self.world()).await.with_context(|| cannot_listen(self.port))?;
        sls.add_key(self.access(AccessKey::permanent(&key.id, &key.secret)));
        self.fill(&sls, &groups)?;
        sls.set_retention(&self.project, &self.logstore, self.retention).context("the stand-in lost its Logstore")?;
        say(&self.introduction(&sls, &key)?)?;
        until_told_to_end().await
    }

    fn world(&self) -> SlsWorld {
        let (ahead, distance) = (self.clock_ahead > 0, Duration::from_secs(self.clock_ahead.unsigned_abs().into()));
        let clock = move || if ahead { SystemTime::now() + distance } else { SystemTime::now() - distance };
        SlsWorld { clock: Arc::new(clock), ..SlsWorld::default() }
    }

    /// The key without what it may not do.
    fn access(&self, key: AccessKey) -> AccessKey {
        if self.deny.is_empty() {
            return key;
        }
        let allowed = Action::ALL.into_iter().filter(|action| !self.deny.contains(action));
        key.allowed(allowed.map(|action| Grant { action, logstore: self.logstore.clone() }).collect())
    }

    fn key(&self, variables: &dyn Variables) -> Result<Key, Ending> {
        if let Some((id, secret)) = self.access_key_id.clone().zip(self.access_key_secret.clone()) {
            return Ok(Key { id, secret, given: true });
        }
        let set = |name: &str| variables.get(name).filter(|text| !text.is_empty());
        match (set(KEY_ID), set(KEY_SECRET)) {
            (Some(id), Some(secret)) => Ok(Key { id, secret, given: true }),
            (None, None) => Ok(Key { id: "emulator-key-id".to_owned(), secret: "emulator-key-secret".to_owned(), given: false }),
            _ => Err(Ending::misused(format!("{KEY_ID} and {KEY_SECRET} must be set both, or neither"))),
        }
    }

    /// As many log groups for each shard as the range of the example event has, more for a large file.
    fn groups(&self, logs: &str) -> Result<Vec<LogGroup>, Ending> {
        let range = sample::event()?.range;
        let span = range.end.number().zip(range.begin.number()).map_or(1, |(end, begin)| end.saturating_sub(begin));
        let few = usize::try_from(span * u64::from(self.shards)).unwrap_or(usize::MAX);
        let many = logs.lines().count().div_ceil(LOGS_PER_GROUP);
        groups_from_jsonl(logs, few.max(many), now()).map_err(|error| bad_logs(&error))
    }

    fn fill(&self, sls: &SlsEmulator, groups: &[LogGroup]) -> Result<(), Ending> {
        // The cursors of the example event work on every shard.
        let seed = sample::event()?.range.begin.number().unwrap_or_default();
        let shards: Vec<_> = (0..self.shards).map(|id| ShardSpec { id, seed }).collect();
        sls.create_logstore(&self.project, &self.logstore, &shards);
        for (group, shard) in groups.iter().zip((0..self.shards).cycle()) {
            sls.append(&self.project, &self.logstore, shard, group, now()).context("the stand-in lost a shard")?;
        }
        Ok(())
    }

    fn introduction(&self, sls: &SlsEmulator, key: &Key) -> Result<String, Ending> {
        let cursors = |shard: u32| {
            let begin = sls.cursor(&self.project, &self.logstore, shard, 0)?;
            Ok::<_, anyhow::Error>((begin, sls.end_cursor(&self.project, &self.logstore, shard)?))
        };
        let mut lines = vec![
            format!("SLS stand-in: {}", sls.endpoint()),
            format!("  project             {} (in the Host header only: {}.{})", self.project, self.project, sls.address()),
            format!("  Logstore            {}", self.logstore),
            format!("  access key id       {}", key.id),
            format!("  access key secret   {}", if key.given { "as given" } else { &key.secret }),
        ];
        for shard in 0..self.shards {
            let (begin, end) = cursors(shard)?;
            lines.push(format!("  shard {shard:<13} {begin} to {end}"));
        }
        lines.extend(self.example(sls, key, &cursors(0)?));
        Ok(lines.join("\n"))
    }

    fn example(&self, sls: &SlsEmulator, key: &Key, (begin, end): &(String, String)) -> [String; 4] {
        let event = json!({"source": {"endpoint": sls.endpoint(), "projectName": self.project, "logstoreName": self.logstore,
            "shardId": 0, "beginCursor": begin, "endCursor": end}});
        let secret = if key.given { "..." } else { &key.secret };
        [
            "Try it from another terminal:".to_owned(),
            format!("  echo '{event}' | \\"),
            format!("    SLS_ENDPOINT={} {KEY_ID}={} {KEY_SECRET}={secret} \\", sls.endpoint(), key.id),
            format!("    {} invoke --event - --to emulator", program()),
        ]
    }
}

fn action(name: &str) -> Result<Action, String> {
    let known = || Action::ALL.map(Action::name).join(", ");
    Action::ALL.into_iter().find(|action| action.name() == name).ok_or_else(|| format!("must be one of {}", known()))
}

fn now() -> u32 {
    unix_seconds(SystemTime::now())
}
