//! The command line's `main`; the commands live in `cli`. No logic.

use std::process::ExitCode;

use sls_to_langfuse::cli;
use sls_to_langfuse::config::{FileSystem, ProcessEnvironment};

fn main() -> ExitCode {
    cli::main(std::env::args_os(), &ProcessEnvironment, &FileSystem)
}
