//! Random misbehaviour of both stand-ins, the same for the same seed and order of requests.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sls_to_langfuse::emulator::langfuse::{Fault, LangfuseEmulator, When};
use sls_to_langfuse::emulator::sls::{Fault as SlsFault, Operation, SlsEmulator};

use super::supply::{REFUSED, STUMBLE};

/// Stands in every row once.
const ROW: &[u8] = b"langfuse.observation.metadata.request_id";

/// Whether Langfuse may store a request and lose its answer: what nobody can tell from a request that never arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostAnswers {
    /// One fault in 25 does so.
    Some,
    /// None.
    None,
}

/// What goes wrong, how often, and how often it did.
#[derive(Clone, Debug)]
pub struct Chaos {
    pub seed: u64,
    /// Share of requests that go wrong, on either side.
    pub share: f64,
    pub lost_answers: LostAnswers,
    /// How long a request or an answer hangs.
    pub hang: Duration,
    struck: Arc<[AtomicU64; 2]>,
    /// Rows of requests that were stored and whose answers were lost.
    unanswered: Arc<AtomicU64>,
}

impl Chaos {
    pub fn new(seed: u64, share: f64, lost_answers: LostAnswers, hang: Duration) -> Self {
        Self { seed, share, lost_answers, hang, struck: Arc::default(), unanswered: Arc::default() }
    }

    /// How many requests to SLS and to Langfuse went wrong by chance.
    pub fn struck(&self) -> [u64; 2] {
        [self.struck[0].load(Relaxed), self.struck[1].load(Relaxed)]
    }

    /// How many rows were stored of which the function was told nothing: so many it must send again.
    pub fn unanswered(&self) -> u64 {
        self.unanswered.load(Relaxed)
    }

    /// Lets SLS stumble.
    pub fn befall_sls(&self, sls: &SlsEmulator) {
        let (share, struck, faults) = (self.share, self.struck.clone(), sls_faults());
        let mut random = fastrand::Rng::with_seed(self.seed);
        sls.set_chance(move |operation| {
            let fault = (random.f64() < share).then(|| picked(&faults, &mut random)).flatten()?;
            // A group that is stored twice is a dead letter twice, which is allowed and tested elsewhere.
            let fits = operation == Operation::PullLogs || matches!(fault, SlsFault::Error { .. } | SlsFault::Reset | SlsFault::Plain(..));
            fits.then(|| {
                struck[0].fetch_add(1, Relaxed);
                fault
            })
        });
    }

    /// Lets Langfuse stumble, and refuse what it refuses for ever.
    pub fn befall_langfuse(&self, langfuse: &LangfuseEmulator) {
        langfuse.refuse_when(When::text(REFUSED), Fault::answer(400, "application/json", r#"{"error":"cannot be processed"}"#));
        langfuse.refuse_when(When::text(STUMBLE), Fault::status(500));
        let faults: Vec<_> =
            langfuse_faults(self.hang).into_iter().filter(|(.., stores)| !stores || self.lost_answers == LostAnswers::Some).collect();
        let whole: u32 = faults.iter().map(|(weight, ..)| weight).sum();
        let random = Arc::new(Mutex::new(fastrand::Rng::with_seed(self.seed ^ 1)));
        let mut left = 1.0;
        for (weight, fault, stores) in faults {
            // Of the requests that no earlier entry took.
            let chance = self.share * f64::from(weight) / f64::from(whole) / left;
            left *= 1.0 - chance;
            let (random, struck, unanswered) = (random.clone(), self.struck.clone(), self.unanswered.clone());
            let strikes = When::new(move |incoming| {
                let strikes = random.lock().unwrap().f64() < chance;
                struck[1].fetch_add(u64::from(strikes), Relaxed);
                if strikes && stores {
                    unanswered.fetch_add(memchr::memmem::find_iter(incoming.decoded(), ROW).count() as u64, Relaxed);
                }
                strikes
            });
            langfuse.refuse_when(When::ingest().and(strikes), fault);
        }
    }
}

fn picked(faults: &[(u32, SlsFault)], random: &mut fastrand::Rng) -> Option<SlsFault> {
    let whole: u32 = faults.iter().map(|(weight, _)| weight).sum();
    let mut at = random.u32(..whole);
    for (weight, fault) in faults {
        match at.checked_sub(*weight) {
            Some(rest) => at = rest,
            None => return Some(fault.clone()),
        }
    }
    None
}

fn error(status: u16, code: &str) -> SlsFault {
    SlsFault::Error { status, code: code.into(), message: "try again".into() }
}

/// Weights, and what goes wrong with SLS.
fn sls_faults() -> Vec<(u32, SlsFault)> {
    vec![
        (15, error(500, "InternalServerError")),
        (15, error(503, "ServerBusy")),
        (4, error(403, "ShardReadQuotaExceed")),
        (2, error(400, "InvalidCursor")),
        (2, error(401, "Unauthorized")),
        (8, SlsFault::Plain(502, "<html>bad gateway</html>".into())),
        (2, SlsFault::Plain(200, "<html>a page</html>".into())),
        (15, SlsFault::Reset),
        (8, SlsFault::CutBody(0)),
        (8, SlsFault::CutBody(300)),
        (5, SlsFault::ShortBody(200)),
        (5, SlsFault::CorruptBody),
        (3, SlsFault::WrongRawSize(1)),
        (3, SlsFault::WrongRawSize(-1)),
        (3, SlsFault::RawSizeIs(1 << 40)),
        (3, SlsFault::NoCursorHeader),
        (3, SlsFault::CursorBackwards),
        (3, SlsFault::Stall),
        (5, SlsFault::IgnoreEnd),
        (2, SlsFault::Delay(Duration::from_millis(1500))),
        (3, SlsFault::Drip(20_000, Duration::from_millis(5))),
    ]
}

/// Weights, what goes wrong with Langfuse, and whether the request was stored although no answer comes.
fn langfuse_faults(hang: Duration) -> Vec<(u32, Fault, bool)> {
    let later = Fault::Status {
        status: 503,
        headers: vec![("retry-after".into(), "Thu, 01 Jan 1970 00:00:00 GMT".into())],
        content_type: "application/json".into(),
        body: r#"{"message":"later"}"#.into(),
    };
    vec![
        (22, Fault::status(500), false),
        (12, Fault::status(503), false),
        (6, later, false),
        (8, Fault::answer(502, "text/html", "<html>bad gateway</html>"), false),
        (3, Fault::status(408), false),
        (8, Fault::RateLimited { retry_after: 1 }, false),
        (5, Fault::answer(403, "text/html", "<html>blocked by the firewall</html>"), false),
        (18, Fault::Reset, false),
        (5, Fault::HalfJson200, false),
        (4, Fault::EmptyBody200, false),
        (2, Fault::Hang(hang), false),
        (3, Fault::Drip { piece: 1, pause: Duration::from_millis(5) }, false),
        (2, Fault::ResetAfterStoring, true),
        (1, Fault::Cut(3), true),
        (1, Fault::Delay(hang), true),
    ]
}
