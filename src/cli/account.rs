//! The report of a call in words. Members and meanings: `design.md` §2.

use serde_json::Value;

use super::output::{self, counted, size};

/// What was done, in a few lines.
pub fn in_words(report: &Value) -> String {
    let number = |name: &str| report[name].as_u64().unwrap_or_default();
    let read = counted(number("ingestLines"), "record", "records");
    let pages = counted(number("pages"), "page", "pages");
    let observations = counted(number("observations"), "observation", "observations");
    let requests = counted(number("requests"), "request", "requests");
    let undone = if number("undone") == 0 { "nothing".to_owned() } else { counted(number("undone"), "record", "records") };
    [
        format!("read           {read} in {pages} from SLS ({})", size(number("ingestBytes"))),
        format!("delivered      {} as {observations} in {requests} ({} on the wire)", number("shipLines"), size(number("wireBytes"))),
        format!("skipped        {}", reasons(&report["skipped"])),
        format!("dead letters   {}", reasons(&report["deadLettered"])),
        format!("undone         {undone}"),
        format!("took           {} ms", number("durationMs")),
    ]
    .map(|line| format!("  {line}"))
    .join("\n")
}

fn reasons(counts: &Value) -> String {
    output::reasons(counts.as_object().into_iter().flatten().map(|(reason, count)| (reason, count.as_u64().unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_is_in_the_words() {
        let report = serde_json::json!({"ingestLines": 5, "ingestBytes": 1200, "pages": 1, "shipLines": 2, "observations": 2, "requests": 1,
            "wireBytes": 900, "skipped": {"not_a_model_call": 1, "sampled_out": 1}, "deadLettered": {}, "undone": 1, "durationMs": 7});
        let expected = "  read           5 records in 1 page from SLS (1.2 KB)\n  \
                          delivered      2 as 2 observations in 1 request (900 bytes on the wire)\n  \
                          skipped        1 not a model call, 1 sampled out\n  \
                          dead letters   none\n  \
                          undone         1 record\n  \
                          took           7 ms";
        assert_eq!(in_words(&report), expected);
    }
}
