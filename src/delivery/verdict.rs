//! An answer of the OTLP endpoint → what to do. One table, pure, tested over every status.
//!
//! Facts: `reference/langfuse.md` §2; decisions: `design.md` §2 "Delivered" and decision 5.

use std::time::Duration;

use super::answer::{Answer, NoAnswer};

/// What to do after a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All of it has arrived.
    Delivered,
    /// Try the same bytes again, not before this wait if the server named one.
    Retry(Option<Duration>),
    /// Divide it: the whole was too large.
    TooLarge,
    /// Divide it: something in it is refused, for ever.
    Refused,
    /// Nothing will be accepted until a person changes something.
    Blocked(Block),
}

/// What stands in the way of every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// 401.
    Keys,
    /// 403 in Langfuse's own words: wrong kind of key, or ingestion suspended.
    Permission,
    /// 3xx to this origin; no redirect is followed.
    Redirect(Option<String>),
    /// The server shows a certificate that is not trusted, or of another name.
    Certificate,
    /// 404, 405 or 501: no such endpoint there.
    NoEndpoint,
    /// A success that is no JSON: another program answers under this address.
    NotLangfuse,
    /// Any other status that trying again will not change.
    Unexpected,
}

/// The verdict over an answer of the OTLP endpoint.
pub fn verdict(answer: &Answer) -> Verdict {
    match answer.status {
        200 | 207 if answer.is_whole_json() => Verdict::Delivered,
        // JSON that breaks off was an answer of Langfuse on its way; anything else is somebody else's page.
        200 | 207 if answer.is_json => Verdict::Retry(None),
        200..=299 => Verdict::Blocked(Block::NotLangfuse),
        300..=399 => Verdict::Blocked(Block::Redirect(answer.redirect_origin.clone())),
        400 | 422 => Verdict::Refused,
        401 => Verdict::Blocked(Block::Keys),
        403 if is_langfuse_error(answer) => Verdict::Blocked(Block::Permission),
        403 => Verdict::Retry(None),
        404 | 405 | 501 => Verdict::Blocked(Block::NoEndpoint),
        413 => Verdict::TooLarge,
        408 | 425 | 429 => Verdict::Retry(answer.retry_after),
        500..=599 => Verdict::Retry(answer.retry_after),
        _ => Verdict::Blocked(Block::Unexpected),
    }
}

/// The verdict over a request that had no whole answer.
pub fn verdict_of_silence(reason: NoAnswer) -> Verdict {
    match reason {
        NoAnswer::Certificate => Verdict::Blocked(Block::Certificate),
        NoAnswer::Unreachable | NoAnswer::TimedOut | NoAnswer::Broken => Verdict::Retry(None),
    }
}

/// Langfuse explains a refusal in a JSON object with a `message`; a firewall in front of it sends a page.
fn is_langfuse_error(answer: &Answer) -> bool {
    let body: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(&answer.body).ok();
    answer.is_json && body.is_some_and(|body| body.contains_key("message"))
}

impl Block {
    /// A short stable name, for alerts.
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::Keys => "langfuse_keys_refused",
            Self::Permission => "langfuse_permission_refused",
            Self::Redirect(_) => "langfuse_redirects",
            Self::Certificate => "langfuse_certificate_refused",
            Self::NoEndpoint => "langfuse_endpoint_missing",
            Self::NotLangfuse => "langfuse_not_there",
            Self::Unexpected => "langfuse_unexpected_answer",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(status: u16) -> Verdict {
        verdict(&Answer { status, ..Answer::default() })
    }

    fn json(status: u16, body: &str) -> Verdict {
        verdict(&Answer { status, is_json: true, body: body.into(), ..Answer::default() })
    }

    #[test]
    fn every_status_has_exactly_the_verdict_of_the_table() {
        let retried: Vec<u16> = (100..600).filter(|status| matches!(plain(*status), Verdict::Retry(_))).collect();
        let expected: Vec<u16> = [403, 408, 425, 429].into_iter().chain((500..600).filter(|status| *status != 501)).collect();
        assert_eq!(retried, expected);
        let refused: Vec<u16> = (100..600).filter(|status| plain(*status) == Verdict::Refused).collect();
        assert_eq!(refused, [400, 422]);
        let divided: Vec<u16> = (100..600).filter(|status| plain(*status) == Verdict::TooLarge).collect();
        assert_eq!(divided, [413]);
        assert!((100..600).all(|status| plain(status) != Verdict::Delivered));
        let blocked = (100..600).filter(|status| matches!(plain(*status), Verdict::Blocked(_))).count();
        assert_eq!(retried.len() + refused.len() + divided.len() + blocked, 500);
        assert_eq!(plain(401), Verdict::Blocked(Block::Keys));
        assert_eq!(plain(307), Verdict::Blocked(Block::Redirect(None)));
        assert_eq!([plain(404), plain(405), plain(501)], [const { Verdict::Blocked(Block::NoEndpoint) }; 3]);
        assert_eq!(plain(418), Verdict::Blocked(Block::Unexpected));
    }

    #[test]
    fn every_way_to_have_no_answer_has_its_verdict() {
        for (reason, expected) in [
            (NoAnswer::Unreachable, Verdict::Retry(None)),
            (NoAnswer::TimedOut, Verdict::Retry(None)),
            (NoAnswer::Broken, Verdict::Retry(None)),
            (NoAnswer::Certificate, Verdict::Blocked(Block::Certificate)),
        ] {
            assert_eq!(verdict_of_silence(reason), expected, "{reason:?}");
        }
    }

    #[test]
    fn a_success_counts_only_with_whole_json() {
        assert_eq!((json(200, "{}"), json(207, "{}")), (Verdict::Delivered, Verdict::Delivered));
        assert_eq!(json(200, "{\"id\":"), Verdict::Retry(None));
        assert_eq!(plain(200), Verdict::Blocked(Block::NotLangfuse));
        assert_eq!(json(202, "{}"), Verdict::Blocked(Block::NotLangfuse));
    }

    #[test]
    fn a_403_is_final_only_in_langfuses_own_words() {
        assert_eq!(json(403, r#"{"message":"suspended","error":"ForbiddenError"}"#), Verdict::Blocked(Block::Permission));
        assert_eq!(json(403, r#"{"reason":"waf"}"#), Verdict::Retry(None));
        assert_eq!(plain(403), Verdict::Retry(None));
    }

    #[test]
    fn the_server_names_the_wait() {
        let wait = Some(Duration::from_secs(9));
        assert_eq!(verdict(&Answer { status: 429, retry_after: wait, ..Answer::default() }), Verdict::Retry(wait));
        assert_eq!(verdict(&Answer { status: 503, retry_after: wait, ..Answer::default() }), Verdict::Retry(wait));
    }
}
