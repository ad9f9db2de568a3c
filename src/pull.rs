//! The failures of pulling in words: what failed and what to do. Pure; `sls` itself knows no operators.

use crate::error::{Failure, Stage};
use crate::sls::error::{ErrorClass, SlsError};
use crate::sls::reader::ReadFailure;

/// A range that could not be read to its end, as the failure of the call.
pub fn failure(failure: ReadFailure) -> Failure {
    let (error_type, hint) = match &failure.error {
        SlsError::Refused(refusal) if refusal.is_redirect() => {
            ("sls_redirects", "redirects are never followed: set SLS_ENDPOINT to the endpoint itself, and look for a proxy in between")
        }
        SlsError::Refused(refusal) => match refusal.class {
            ErrorClass::CursorGone if refusal.is_of_shard() => {
                ("sls_shard_gone", "the Logstore has no such shard (any more): recreate the trigger, so that it lists the shards again")
            }
            ErrorClass::CursorGone => {
                ("sls_cursor_gone", "SLS does not know this cursor, though its logs are kept: set the trigger's start time anew")
            }
            ErrorClass::Credentials => {
                ("sls_credentials_expired", "the temporary credentials of this call have expired; the next call brings new ones")
            }
            ErrorClass::Clock => (
                "sls_clock",
                "SLS finds the signature's time wrong even after it was corrected; a new instance has a new clock: deploy again",
            ),
            ErrorClass::Permanent => (
                "sls_refused",
                "check the function role (log:GetCursorOrData on this Logstore), its keys, and that project and Logstore exist in this region",
            ),
            ErrorClass::Retry | ErrorClass::RetryQuota => {
                ("sls_unavailable", "nothing is lost: the range comes again; check the shard's read quota")
            }
        },
        SlsError::Transport(_) => ("sls_unreachable", "check that the function reaches the SLS endpoint (VPC, SLS_ENDPOINT)"),
        SlsError::Damaged(_) => ("sls_answer_damaged", "the range comes again; if it stays, look for a proxy between the function and SLS"),
        SlsError::TooLarge { .. } => ("sls_group_too_large", "a log group is larger than this function reads; write smaller groups"),
        SlsError::Stalled => (
            "sls_stalled",
            "the rest of the range is not readable yet and comes again by itself; if it stays for an hour, open a ticket with the project and cursor",
        ),
    };
    Failure::new(Stage::Pull, error_type, failure.to_string(), hint)
}
