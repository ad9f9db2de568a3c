//! A stand-in that runs for days remembers the newest.

use super::*;

fn numbered(number: u8) -> ExportTraceServiceRequest {
    let one = Span { span_id: vec![number; 8], trace_id: vec![number; 16], ..span(vec![]) };
    request(vec![one])
}

#[tokio::test]
async fn a_bounded_stand_in_forgets_old_requests_and_rows_in_every_mode() {
    for mode in [WriteMode::EventsOnly, WriteMode::Dual, WriteMode::Legacy] {
        let emulator = started(LangfuseWorld { mode, keep: Some(8), ..LangfuseWorld::default() }).await;
        for number in 1..=11 {
            assert_eq!(send(&emulator, &numbered(number)).await.0, 200);
        }
        let newest = format!("{:02x}", 11).repeat(8);
        let rows = emulator.observations();
        assert_eq!((rows.len(), rows.iter().any(|row| row.span_id == newest)), (8, true), "{mode:?}");
        assert_eq!((emulator.arrivals().len(), emulator.requests().len()), (8, 8), "{mode:?}");
        assert!(emulator.requests().iter().all(|request| request.status == Some(200)), "{mode:?}");
        assert!(emulator.old_traces().len() <= 8, "{mode:?}");
    }
}

#[tokio::test]
async fn up_to_a_quarter_more_is_kept_and_without_a_bound_everything() {
    for (keep, kept) in [(Some(8), 10), (None, 10)] {
        let emulator = started(LangfuseWorld { keep, ..LangfuseWorld::default() }).await;
        for number in 1..=10 {
            send(&emulator, &numbered(number)).await;
        }
        assert_eq!((emulator.observations().len(), emulator.requests().len()), (kept, kept), "{keep:?}");
    }
}
