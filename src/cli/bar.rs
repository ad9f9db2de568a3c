//! How far something is: a bar on a terminal, now and then a line elsewhere. On stderr, beside the result.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::remark;

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How often the bar is drawn while nothing happens, so that its clock goes on.
const TICK: Duration = Duration::from_millis(200);

/// A bar, or lines in its place. It goes away when it is dropped.
pub struct Bar {
    bar: Option<ProgressBar>,
    said: Instant,
}

impl Bar {
    /// A bar of this length.
    pub fn of(length: u64) -> Self {
        let bar = (length > 0 && std::io::stderr().is_terminal()).then(|| bar(length));
        Self { bar, said: Instant::now() }
    }

    /// Moves it, with `words` beside it.
    pub fn at(&mut self, position: u64, words: impl FnOnce() -> String) {
        match &self.bar {
            Some(bar) => {
                bar.set_position(position);
                bar.set_message(words());
            }
            None if self.said.elapsed() >= LINE_EVERY => {
                self.said = Instant::now();
                remark(&words());
            }
            None => {}
        }
    }

    /// Writes a line above it.
    pub fn tell(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => remark(text),
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(length).with_style(style);
    bar.enable_steady_tick(TICK);
    bar
}
