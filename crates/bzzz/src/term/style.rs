//! The few colours that the binary uses, by meaning.
//!
//! Only the eight basic colours and bold or dim, so that they follow the reader's own theme and contrast.

/// A meaning that may be coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// A heading.
    Strong,
    /// Side information.
    Faint,
    /// Good: an approval, a passed check.
    Good,
    /// Take care: medium findings, warnings.
    Care,
    /// Bad: high findings, failures.
    Bad,
    /// Worst: critical findings, a refused change.
    Worst,
    /// Something to type or to open.
    Handle,
}

impl Ink {
    const fn code(self) -> &'static str {
        match self {
            Self::Strong => "1",
            Self::Faint => "2",
            Self::Good => "32",
            Self::Care => "33",
            Self::Bad => "31",
            Self::Worst => "1;31",
            Self::Handle => "36",
        }
    }
}

/// Paints or leaves alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    /// Whether colour codes are written.
    pub on: bool,
}

impl Paint {
    /// `text` in `ink`, or as it is when colours are off. `text` must be clean already.
    pub fn ink(self, ink: Ink, text: &str) -> String {
        if self.on && !text.is_empty() {
            format!("\u{1b}[{}m{text}\u{1b}[0m", ink.code())
        } else {
            text.to_owned()
        }
    }
}
