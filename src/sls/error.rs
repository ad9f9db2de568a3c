//! What can go wrong with SLS, and what each answer means. Pure: one verdict table, tested over the published errors.

use std::time::{Duration, SystemTime};

use serde::Deserialize;

use super::protobuf::WireError;

/// What to do about a refused request (`reference/sls.md` §7, table "Class").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// Try again with back-off.
    Retry,
    /// Try again, but wait longer first: a quota refills by the second.
    RetryQuota,
    /// Sign again with the server's time, once.
    Clock,
    /// The temporary key has expired: only a new call brings a new one.
    Credentials,
    /// The range is gone or was never there.
    CursorGone,
    /// Configuration, or a bug of ours: trying again changes nothing.
    Permanent,
}

/// The JSON body of a refusal. Unknown members are ignored.
#[derive(Debug, Default, Deserialize)]
struct ErrorBody {
    #[serde(default, rename = "errorCode")]
    code: String,
    #[serde(default, rename = "errorMessage")]
    message: String,
}

/// A refusal of the service: status, code and request id. Its message is read for the verdict and then dropped, because it may name
/// keys and resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// `errorCode`, cut to letters; empty where a proxy answered.
    pub code: String,
    /// `x-log-requestid`, for a support ticket.
    pub request_id: String,
    /// What to do about it.
    pub class: ErrorClass,
    /// The server's time, where the message of a refused signature tells it.
    pub server_time: Option<SystemTime>,
    /// RAM or STS forbids the action; the key itself is good.
    pub is_denial: bool,
    /// Where a 3xx points to: the origin alone, since no redirect is followed (`design.md` §2).
    pub redirect_origin: Option<String>,
}

impl Refusal {
    /// Reads an answer with a status other than 200.
    pub fn read(status: u16, body: &[u8], request_id: &str) -> Self {
        let body: ErrorBody = serde_json::from_slice(body).unwrap_or_default();
        let class = classify(status, &body.code, &body.message);
        Self {
            status,
            code: printable(&body.code),
            request_id: printable(request_id),
            class,
            server_time: server_time(&body.message),
            is_denial: body.message.to_ascii_lowercase().contains("denied by sts or ram"),
            redirect_origin: None,
        }
    }

    /// True if the shard itself is gone, not just a position in it.
    pub fn is_of_shard(&self) -> bool {
        self.code.eq_ignore_ascii_case("ShardNotExist")
    }

    /// True if there is no such Logstore, or no such project.
    pub fn is_of_missing_logstore(&self) -> bool {
        ["LogStoreNotExist", "ProjectNotExist"].iter().any(|code| self.code.eq_ignore_ascii_case(code))
    }

    /// True for an answer that sends the request elsewhere.
    pub fn is_redirect(&self) -> bool {
        (300..400).contains(&self.status)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let code = if self.code.is_empty() { "no error code" } else { &self.code };
        write!(formatter, "status {}, {code}, request id {}", self.status, self.request_id)?;
        match &self.redirect_origin {
            Some(host) => write!(formatter, ", redirects to {host}"),
            None => Ok(()),
        }
    }
}

/// The class of an answer. Codes are matched without case; the same code comes with different statuses, so the code decides first
/// (`reference/sls.md` §7 and §9).
fn classify(status: u16, code: &str, message: &str) -> ErrorClass {
    use ErrorClass::{Clock, Credentials, CursorGone, Permanent, Retry, RetryQuota};
    let code = code.to_ascii_lowercase();
    match code.as_str() {
        "internalservererror" | "requesttimeout" | "serverbusy" => Retry,
        "requesttimeexpired" | "requesttimetooskewed" => Clock,
        "securitytokenexpired" | "securitytoken.expired" => Credentials,
        "unauthorized" if says_token_expired(message) => Credentials,
        "shardnotexist" => CursorGone,
        _ if code.contains("invalidcursor") => CursorGone,
        "projectforbidden" | "projectquotaexceed" | "quotaexceed" | "exceedquota" => Permanent,
        _ => match status {
            403 => RetryQuota,
            408 | 429 | 500.. => Retry,
            _ => Permanent,
        },
    }
}

/// The last date in a message: `…has been expired while server time is Thu, 21 Nov 2024 02:50:45 GMT.` (`reference/sls.md` §7).
fn server_time(message: &str) -> Option<SystemTime> {
    const DATE: usize = "Thu, 21 Nov 2024 02:50:45 GMT".len();
    let end = message.rfind("GMT")? + "GMT".len();
    httpdate::parse_http_date(message.get(end.checked_sub(DATE)?..end)?).ok()
}

fn says_token_expired(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("security token") && message.contains("expired")
}

/// Letters, digits and `.-_` of a server's word, at most 64: enough to look it up, too little to carry anything else.
fn printable(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || ".-_".contains(*c)).take(64).collect()
}

/// Why a page could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SlsError {
    /// The service refused.
    #[error("SLS refused the request ({0})")]
    Refused(Refusal),
    /// No answer: connection, TLS, time-out, or a body that broke off.
    #[error("no whole answer from SLS: {0}")]
    Transport(TransportKind),
    /// A page that cannot be what the service meant: sizes that disagree, damaged compression, a missing cursor.
    #[error("the answer of SLS is damaged: {0}")]
    Damaged(Damage),
    /// One log group larger than the memory of the smallest instance allows.
    #[error("one log group has {bytes} bytes; at most {limit} can be read")]
    TooLarge {
        /// Its decoded size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The service stopped moving before the end of the range.
    #[error("SLS answers the same cursor again before the end of the range")]
    Stalled,
}

/// What was wrong with a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// `x-log-cursor` is absent: without it nobody knows where to go on.
    #[error("the header x-log-cursor is missing")]
    NoCursor,
    /// The next cursor is smaller than the one asked for.
    #[error("the next cursor lies before the one that was asked for")]
    CursorBackwards,
    /// The next cursor holds no number although the one asked for does: it is not one of this shard (`reference/sls.md` §2).
    #[error("the next cursor is no cursor")]
    ForeignCursor,
    /// `x-log-bodyrawsize` or another number is absent or no number.
    #[error("the header {0} is missing or not a number")]
    BadHeader(&'static str),
    /// A compression that was not asked for and is not known.
    #[error("the page has an unknown compression")]
    UnknownCompression,
    /// A JSON answer without what was asked for.
    #[error("the answer is not what was asked for")]
    Answer,
    /// The body does not decompress.
    #[error("the page does not decompress")]
    Decompression,
    /// The body decompresses to another size than the header says.
    #[error("the page has another size than its header says")]
    WrongSize,
    /// A page of which a part was read already, and which now holds less.
    #[error("the page holds less than when it was asked for before")]
    Changed,
    /// The protobuf framing between log groups is broken.
    #[error("the page cannot be divided into log groups: {0}")]
    Framing(WireError),
}

/// The ways a request can end without an answer, without the text of the library's error (it may quote URLs).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportKind {
    /// No connection, or no TLS.
    #[error("could not connect")]
    Connect,
    /// No answer in time.
    #[error("timed out")]
    TimedOut,
    /// The answer broke off, or was longer than it may be.
    #[error("the answer broke off")]
    Broken,
    /// The request could not be built: a host or header value that HTTP cannot carry.
    #[error("the request cannot be written")]
    Unwritable,
}

impl SlsError {
    /// The wait before the next attempt, doubling with each; `None` if trying again is useless.
    pub fn retry_wait(&self, attempt: u32) -> Option<Duration> {
        let first = match self {
            Self::Refused(refusal) => match refusal.class {
                ErrorClass::Retry => Duration::from_millis(200),
                // `reference/sls.md` §7: at least one to two seconds for quotas.
                ErrorClass::RetryQuota => Duration::from_secs(1),
                _ => return None,
            },
            // A stall is for the trigger to wait out: the rest of the range is not readable yet.
            Self::Transport(TransportKind::Unwritable) | Self::TooLarge { .. } | Self::Stalled => return None,
            Self::Damaged(Damage::CursorBackwards) => return None,
            Self::Transport(_) | Self::Damaged(_) => Duration::from_millis(200),
        };
        Some(first.saturating_mul(1 << attempt.min(6)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_published_error_has_its_class() {
        let vectors: serde_json::Value = serde_json::from_str(include_str!("../../tests/fixtures/sls-vectors.json")).unwrap();
        let mut seen = 0;
        for vector in vectors["errors"].as_array().unwrap() {
            let status = u16::try_from(vector["http_status"].as_u64().unwrap()).unwrap();
            let refusal = Refusal::read(status, vector["body"].as_str().unwrap().as_bytes(), "5F");
            let class = match vector["class"].as_str().unwrap() {
                "retry" => ErrorClass::Retry,
                "retry_quota" => ErrorClass::RetryQuota,
                "clock" => ErrorClass::Clock,
                "credentials" => ErrorClass::Credentials,
                "cursor_gone" => ErrorClass::CursorGone,
                "permanent" => ErrorClass::Permanent,
                other => panic!("{other}"),
            };
            assert_eq!(refusal.class, class, "{vector}");
            assert_eq!(refusal.code, vector["code"].as_str().unwrap_or_default());
            seen += 1;
        }
        assert_eq!(seen, 26);
    }

    #[test]
    fn every_status_without_a_known_code_has_its_class() {
        let class = |status, body: &str| Refusal::read(status, body.as_bytes(), "").class;
        for body in ["", "<html>busy</html>", r#"{"errorCode":"SomethingNew","errorMessage":"m"}"#] {
            for status in 100..600 {
                let expected = match status {
                    403 => ErrorClass::RetryQuota,
                    408 | 429 | 500..=599 => ErrorClass::Retry,
                    _ => ErrorClass::Permanent,
                };
                assert_eq!(class(status, body), expected, "{status} {body}");
            }
        }
    }

    #[test]
    fn every_way_to_have_no_answer_and_every_damage_is_tried_again_or_not() {
        let soon = Some(Duration::from_millis(200));
        for (error, expected) in [
            (SlsError::Transport(TransportKind::Connect), soon),
            (SlsError::Transport(TransportKind::TimedOut), soon),
            (SlsError::Transport(TransportKind::Broken), soon),
            (SlsError::Transport(TransportKind::Unwritable), None),
            (SlsError::Damaged(Damage::NoCursor), soon),
            (SlsError::Damaged(Damage::CursorBackwards), None),
            (SlsError::Damaged(Damage::ForeignCursor), soon),
            (SlsError::Damaged(Damage::Decompression), soon),
            (SlsError::Damaged(Damage::WrongSize), soon),
            (SlsError::Stalled, None),
            (SlsError::TooLarge { bytes: 2, limit: 1 }, None),
        ] {
            assert_eq!(error.retry_wait(0), expected, "{error}");
        }
    }

    #[test]
    fn the_server_s_time_is_found_in_its_message() {
        let body = br#"{"errorCode":"RequestTimeExpired","errorMessage":"Request time Thu, 21 Nov 2024 02:30:45 GMT has been expired while server time is Thu, 21 Nov 2024 02:50:45 GMT."}"#;
        let told = httpdate::parse_http_date("Thu, 21 Nov 2024 02:50:45 GMT").unwrap();
        assert_eq!(Refusal::read(400, body, "").server_time, Some(told));
        for message in ["", "GMT", "it is late GMT", "\u{4f60}\u{597d}, 21 Nov 2024 02:50:45 GMT"] {
            assert_eq!(server_time(message), None, "{message}");
        }
    }

    #[test]
    fn a_missing_permission_is_told_from_a_wrong_key() {
        let denied = |message: &str| {
            let body = serde_json::json!({"errorCode": "Unauthorized", "errorMessage": message});
            Refusal::read(401, body.to_string().as_bytes(), "").is_denial
        };
        assert!(denied("denied by sts or ram, action: log:ListShards, resource: acs:log:r:1:project/p/logstore/l"));
        assert!(!denied("AccessKeyId not found: LTAI"));
    }

    #[test]
    fn a_refusal_prints_no_text_of_the_server() {
        let body = br#"{"errorCode":"Weird code! sentinel","errorMessage":"sentinel message"}"#;
        let refusal = Refusal::read(401, body, "id\nsentinel-not-removed");
        assert_eq!(refusal.to_string(), "status 401, Weirdcodesentinel, request id idsentinel-not-removed");
    }

    #[test]
    fn quotas_wait_longer_than_other_errors_and_permanent_ones_not_at_all() {
        let refused = |status, code: &str| SlsError::Refused(Refusal::read(status, format!(r#"{{"errorCode":"{code}"}}"#).as_bytes(), ""));
        assert_eq!(refused(403, "ReadQuotaExceed").retry_wait(0), Some(Duration::from_secs(1)));
        assert_eq!(refused(500, "InternalServerError").retry_wait(2), Some(Duration::from_millis(800)));
        assert_eq!(refused(401, "SignatureNotMatch").retry_wait(0), None);
        assert_eq!(SlsError::Damaged(Damage::CursorBackwards).retry_wait(0), None);
    }
}
