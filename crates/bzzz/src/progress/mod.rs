//! Progress of long work: live lines per agent on a terminal, plain lines elsewhere, or lines of JSON.
//!
//! It goes to standard error, so that standard output carries the result only.

pub mod board;
pub mod event;
pub mod live;
pub mod plain;

pub use event::ProgressEvent;

use crate::term::{ColorChoice, Screen, Stream};

/// How progress is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// Live on a terminal, plain elsewhere, none with `--json`.
    #[default]
    Auto,
    /// Redrawn in place.
    Live,
    /// One line an event.
    Plain,
    /// One line of JSON an event.
    Json,
    /// Nothing.
    None,
}

type Size = Box<dyn Fn() -> (usize, Option<usize>)>;

/// The chosen display on standard error.
pub enum Display {
    /// Redrawn in place.
    Live(live::Live<std::io::Stderr, Size>),
    /// One line an event.
    Plain(plain::Plain<std::io::Stderr>),
    /// One line of JSON an event.
    Json,
    /// Nothing.
    None,
}

impl Display {
    /// Chooses by `mode` and by what standard error is.
    pub fn new(mode: Mode, json: bool, color: ColorChoice) -> Self {
        let screen = Screen::of(Stream::Err, color);
        let mode = match mode {
            Mode::Auto if json => Mode::None,
            Mode::Auto if screen.movable => Mode::Live,
            Mode::Auto => Mode::Plain,
            // Without a terminal there is no cursor to move.
            Mode::Live if !screen.movable => Mode::Plain,
            chosen => chosen,
        };
        match mode {
            Mode::Live => {
                let size: Size = Box::new(move || {
                    let screen = Screen::of(Stream::Err, color);
                    (screen.columns, screen.rows)
                });
                Self::Live(live::Live::new(std::io::stderr(), size, screen.paint))
            }
            Mode::Json => Self::Json,
            Mode::None => Self::None,
            Mode::Plain | Mode::Auto => Self::Plain(plain::Plain::new(std::io::stderr())),
        }
    }

    /// Shows one event.
    pub fn show(&mut self, event: &ProgressEvent) {
        match self {
            Self::Live(live) => live.show(event),
            Self::Plain(plain) => plain.show(event),
            Self::Json => {
                if let Ok(text) = serde_json::to_string(event) {
                    crate::term::out::note(&crate::term::clean::json(&text));
                }
            }
            Self::None => {}
        }
    }

    /// The work is over.
    pub fn finish(&mut self) {
        if let Self::Live(live) = self {
            live.finish();
        }
    }
}

#[cfg(test)]
mod tests;
