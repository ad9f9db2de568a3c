//! Where a person finds a trace in the pages of a Langfuse server.

use std::time::SystemTime;

use serde_json::Value;

use crate::delivery::connection::{ConnectionSettings, http_client};
use crate::delivery::destination::{Destination, DestinationSettings};
use crate::trace::TraceId;

/// The addresses of these traces. A server that does not tell its project gets the short form, which its pages forward.
pub async fn of(settings: &DestinationSettings, connection: &ConnectionSettings, traces: &[TraceId]) -> Vec<String> {
    let host = &settings.base_url;
    match project(settings, connection).await {
        Some(project) => traces.iter().map(|trace| format!("{host}/project/{project}/traces/{trace}")).collect(),
        None => traces.iter().map(|trace| format!("{host}/trace/{trace}")).collect(),
    }
}

/// The project of the keys, if the server says it in letters that may stand in an address.
async fn project(settings: &DestinationSettings, connection: &ConnectionSettings) -> Option<String> {
    let destination = Destination::new(settings.clone(), http_client(connection).ok()?, 1, SystemTime::now);
    let answer = destination.get("/api/public/projects").await.filter(|answer| answer.status == 200)?;
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let id = body["data"][0]["id"].as_str()?;
    let plain = (1..=200).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    plain.then(|| id.to_owned())
}
