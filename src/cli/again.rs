//! What to do about a failure, for people who run a command again themselves: no trigger brings its records.

use crate::error::Failure;

/// What to do.
pub fn hint(failure: &Failure) -> String {
    let hint = match failure.error_type {
        "langfuse_unavailable" | "not_found_again" | "out_of_time" | "sls_unavailable" | "sls_answer_damaged" | "sls_stalled" => {
            "what is done is noted: run the same command again when the server is well"
        }
        "sls_unreachable" => {
            "check that this machine reaches the SLS endpoint (--endpoint, SLS_ENDPOINT): an intranet one is for its region alone"
        }
        "sls_credentials_expired" => "set a new ALIBABA_CLOUD_SECURITY_TOKEN with its key, and run the same command again",
        "sls_refused" => {
            "check the access key (log:GetCursorOrData on this Logstore), and that project and Logstore exist at this endpoint"
        }
        "dead_letters_not_written" => {
            "create the Logstore of DEAD_LETTER_LOGSTORE, or give the access key log:PostLogStoreLogs there, and run the same command again"
        }
        "loop" => "name the Logstore of the gateway's access log",
        _ => return failure.hint.clone(),
    };
    hint.to_owned()
}
