//! How often memory is taken for a call that brings next to nothing: what a quiet minute costs beside its records.
//!
//! The services live on another thread, because allocations are counted for each thread by itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::json;
use sls_to_langfuse::assembly::{self, Place};
use sls_to_langfuse::config::{self, LogFormat, LogSettings};
use sls_to_langfuse::deadline::Deadline;
use sls_to_langfuse::emulator::langfuse::{LangfuseEmulator, LangfuseWorld};
use sls_to_langfuse::emulator::sls::{AccessKey, ShardSpec, SlsEmulator, SlsWorld};
use sls_to_langfuse::handler::Handler;
use sls_to_langfuse::invocation::Invocation;
use sls_to_langfuse::logging;
use sls_to_langfuse::secret::{Credentials, Secret};
use sls_to_langfuse::sls::cursor::Cursor;
use tokio::runtime::Builder;

use crate::logs::{self, RECORDS_PER_GROUP, Texts};

/// Calls that are counted, behind those that open connections and read the prices.
const CALLS: u64 = 20;
const CALLS_BEFORE: u64 = 5;

/// The most allocations of a call for ten records, its lines of the log included: 405 when this was written, of which 145 are of the records.
/// It once took 529.
const MOST: u64 = 425;

const SEED: u64 = 1_732_154_287_213_232_000;

/// Both services on a thread of their own. Returns where Langfuse and SLS are.
fn services() -> (String, String) {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let sls = SlsEmulator::start(0, SlsWorld::default()).await.unwrap();
            sls.create_logstore("p-1", "log", &[ShardSpec { id: 0, seed: SEED }]);
            sls.add_key(AccessKey::permanent("id", "key"));
            for group in logs::groups(Texts::Alike, RECORDS_PER_GROUP, 7) {
                sls.append("p-1", "log", 0, &group, 1_772_417_413).unwrap();
            }
            let langfuse = LangfuseEmulator::start(0, LangfuseWorld::default()).await.unwrap();
            tell.send((langfuse.base_url(), sls.endpoint())).unwrap();
            std::future::pending::<()>().await;
        });
    });
    told.recv().unwrap()
}

fn handler() -> Handler {
    let (langfuse, sls) = services();
    let settings = [
        ("LANGFUSE_HOST", langfuse.as_str()),
        ("LANGFUSE_PUBLIC_KEY", LangfuseWorld::PUBLIC_KEY),
        ("LANGFUSE_SECRET_KEY", LangfuseWorld::SECRET_KEY),
        ("SLS_ENDPOINT", &sls),
    ];
    let settings: BTreeMap<_, _> = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let config = config::load(&settings, &BTreeMap::<PathBuf, Vec<u8>>::new()).unwrap();
    assembly::handler(&config, Place::FunctionCompute).unwrap()
}

fn invocation() -> Invocation {
    let cursor = |number| Cursor::from_number(number).text().to_owned();
    let event = json!({
        "source": {"projectName": "p-1", "logstoreName": "log", "shardId": 0, "beginCursor": cursor(SEED), "endCursor": cursor(SEED + 1)}
    });
    Invocation {
        request_id: "r-1".into(),
        event: event.to_string().into(),
        credentials: Some(Credentials { access_key_id: "id".into(), access_key_secret: Secret::new("key"), security_token: None }),
        region: None,
        deadline: Deadline::of_call(Duration::from_secs(60)),
        own_log: None,
    }
}

#[test]
fn a_small_call_takes_little_memory_beside_its_records() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let handler = handler();
    let call = || {
        let handled = runtime.block_on(async { handler.handle(&invocation()).await });
        assert_eq!((handled.report.ship_lines, handled.failure.is_none()), (RECORDS_PER_GROUP as u64, true));
        logging::call(&handled, &handled.report.json());
    };
    let log = logging::subscriber(std::io::sink, &LogSettings::default(), LogFormat::Json);
    let counted = tracing::subscriber::with_default(log, || {
        (0..CALLS_BEFORE).for_each(|_| call());
        allocation_counter::measure(|| (0..CALLS).for_each(|_| call()))
    });
    let taken = counted.count_total / CALLS;
    println!("{taken} allocations a call for {RECORDS_PER_GROUP} records, {} bytes", counted.bytes_total / CALLS);
    assert!(taken <= MOST, "{taken} allocations a call, at most {MOST} are allowed");
}
