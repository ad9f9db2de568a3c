//! Integration tests: the real `bootstrap` between the stand-ins, over real sockets on ports the system chooses.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails; helper functions of tests are not seen as tests by clippy"
)]

mod again;
mod backfill;
mod calls;
mod cli;
mod dashboards;
mod delivery;
mod deploy_files;
mod deploy_lambda;
mod docs;
mod faults;
mod fc_invoke;
mod fuzz;
mod gateway_corpus;
mod gateway_properties;
mod ingestion;
#[path = "../json_schema/mod.rs"]
mod json_schema;
mod lambda_api;
mod lambda_invoke;
mod large_groups;
mod leak;
mod load;
mod paging;
mod place;
mod pull;
mod records;
mod replay;
mod resume;
mod routing;
mod samples;
mod secrets;
mod seen;
mod sls_calls;
mod soak;
mod splitting;
mod support;
mod traffic;
