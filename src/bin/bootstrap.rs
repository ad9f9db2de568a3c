//! The deployable: settings, log, front end, exit code. No logic.

use std::process::ExitCode;

use sls_to_langfuse::config::{FileSystem, ProcessEnvironment};

fn main() -> ExitCode {
    sls_to_langfuse::start::function(&ProcessEnvironment, &FileSystem)
}
