//! What the binary knows about the terminal: colours, width, and how to put text from outside on it.

pub mod clean;
pub mod out;
pub mod style;
pub mod table;
pub mod wrap;

use std::io::IsTerminal;
use std::os::fd::AsFd;

pub use out::Out;
pub use style::{Ink, Paint};

/// Width where the terminal does not say, and for files and pipes.
pub const DEFAULT_COLUMNS: usize = 80;
/// Narrower is treated as this, wider as [`MAX_COLUMNS`].
pub const MIN_COLUMNS: usize = 20;
/// Text wider than this is hard to read.
pub const MAX_COLUMNS: usize = 120;

/// The person's choice of colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// One of the two output streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// What one output stream can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// Whether a person sees it as it is written.
    pub terminal: bool,
    /// Whether the cursor may be moved.
    pub movable: bool,
    /// Colours on or off.
    pub paint: Paint,
    /// Columns to use.
    pub columns: usize,
    /// Rows, where the terminal says.
    pub rows: Option<usize>,
}

impl Screen {
    /// Looks at `stream` and the environment.
    pub fn of(stream: Stream, choice: ColorChoice) -> Self {
        let (terminal, size) = match stream {
            Stream::Out => (std::io::stdout().is_terminal(), size(std::io::stdout())),
            Stream::Err => (std::io::stderr().is_terminal(), size(std::io::stderr())),
        };
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let on = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => terminal && !no_color && !dumb,
        };
        Self {
            terminal,
            movable: terminal && !dumb && size.is_none_or(|(columns, _)| columns >= MIN_COLUMNS),
            paint: Paint { on },
            columns: size
                .map_or(DEFAULT_COLUMNS, |(columns, _)| columns)
                .clamp(MIN_COLUMNS, MAX_COLUMNS),
            rows: size.map(|(_, rows)| rows),
        }
    }

    /// A screen without colours and movement, `columns` wide: files, pipes and tests.
    pub fn plain(columns: usize) -> Self {
        Self {
            terminal: false,
            movable: false,
            paint: Paint { on: false },
            columns,
            rows: None,
        }
    }
}

/// Columns and rows of the terminal behind `stream`; none when it is not one or does not say.
fn size(stream: impl AsFd) -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    (size.ws_col > 0).then(|| (size.ws_col.into(), usize::from(size.ws_row).max(1)))
}
