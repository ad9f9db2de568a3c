//! How long the page of a stand-in is there after a command has said everything: as long as somebody looks, or not at all.

use std::io::{BufRead, IsTerminal};

use clap::ValueEnum;

use super::ending::Ending;
use super::{say, told_to_end};
use crate::emulator::langfuse::LangfuseEmulator;

const LATER: &str = "  make run SERVE=always   this once more, and a page to look at it in a browser";

/// Whether the stand-in stays when everything is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Serve {
    /// Where somebody sits at a terminal
    Auto,
    /// Also without a terminal
    Always,
    /// Not at all
    Never,
}

/// Serves the page until somebody ends it, where it is to be served.
pub async fn shown(langfuse: &LangfuseEmulator, serve: Serve) -> Result<(), Ending> {
    let attended = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let page = format!("\nWhat arrived, as a page: {}/", langfuse.base_url());
    match serve {
        Serve::Auto | Serve::Always if attended => {
            say(&format!("{page}\nEnter or Ctrl-C ends it."))?;
            // A signal ends `make` with an error of its own; Enter does not.
            tokio::select! { ended = told_to_end() => ended, () = enter() => Ok(()) }
        }
        Serve::Always => {
            say(&format!("{page}\nStop it with Ctrl-C."))?;
            told_to_end().await
        }
        Serve::Auto => say(LATER),
        Serve::Never => Ok(()),
    }
}

/// Waits for a line, or the end, of stdin. The thread that reads it ends with the process: nothing can call it back.
async fn enter() {
    let (read, done) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::stdin().lock().read_line(&mut String::new());
        let _ = read.send(());
    });
    let _ = done.await;
}
