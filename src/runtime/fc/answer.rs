//! What was done → status, `x-fc-status` and body (`reference/function-compute.md` §1.3, `design.md` §2).
//!
//! A reply without `x-fc-status` would count as success and the range would be lost, so every reply carries it.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;

use crate::error::Stage;
use crate::handler::Handled;
use crate::report::Report;

/// The body of a failed call.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FailureBody<'h> {
    error_type: &'static str,
    error_message: &'h str,
    stage: Stage,
    hint: &'h str,
    request_id: &'h str,
    report: &'h Report,
}

/// The answer of a call, whose report as JSON is the whole answer of a success.
pub fn of(handled: &Handled, json: String) -> Response<Full<Bytes>> {
    let report = &handled.report;
    let Some(failure) = &handled.failure else { return reply(StatusCode::OK, json.into(), "application/json") };
    let body = FailureBody {
        error_type: failure.error_type,
        error_message: &failure.message,
        stage: failure.stage,
        hint: &failure.advice(),
        request_id: &report.request_id,
        report,
    };
    // Plain numbers and texts always serialise.
    let body = serde_json::to_vec(&body).unwrap_or_default();
    reply(StatusCode::NOT_FOUND, body.into(), "application/json")
}

/// The answer of a hook that has nothing to tell.
pub fn plain(text: &'static str) -> Response<Full<Bytes>> {
    reply(StatusCode::OK, text.into(), "text/plain")
}

/// The answer to a request that is none of the platform's.
pub fn no_such_route() -> Response<Full<Bytes>> {
    reply(StatusCode::NOT_FOUND, "there are POST /invoke, POST /initialize, GET /pre-stop and GET /healthz".into(), "text/plain")
}

fn reply(status: StatusCode, body: Bytes, content_type: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let fc_status = if status == StatusCode::OK { "200" } else { "404" };
    response.headers_mut().insert("x-fc-status", HeaderValue::from_static(fc_status));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failure;
    use crate::runtime::failed;
    use http_body_util::BodyExt;

    async fn body(response: Response<Full<Bytes>>) -> serde_json::Value {
        serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }

    #[tokio::test]
    async fn a_success_is_200_twice_with_the_report() {
        let response = of(&Handled { report: Report::new("r-1"), failure: None }, Report::new("r-1").json());
        assert_eq!((response.status().as_u16(), &response.headers()["x-fc-status"]), (200, &HeaderValue::from_static("200")));
        assert_eq!(body(response).await["requestId"], "r-1");
    }

    #[tokio::test]
    async fn a_failure_is_404_twice_with_all_that_an_operator_needs() {
        let response = of(&failed("r-1", Failure::new(Stage::DeadLetter, "kind", "what", "do")), String::new());
        assert_eq!((response.status().as_u16(), &response.headers()["x-fc-status"]), (404, &HeaderValue::from_static("404")));
        let body = body(response).await;
        let expected = serde_json::json!(["kind", "what", "dead_letter", "do", "r-1", "failure"]);
        let members = ["errorType", "errorMessage", "stage", "hint", "requestId"].map(|name| body[name].clone());
        assert_eq!(serde_json::json!([members[0], members[1], members[2], members[3], members[4], body["report"]["outcome"]]), expected);
    }
}
