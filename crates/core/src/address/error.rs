//! What is wrong with an address, shown at the column where it is wrong.
//!
//! Addresses come from people, peers and models. The message quotes at most one screen line of the input and replaces all
//! but printable ASCII, so that a hostile address can neither flood nor re-order a terminal.

use std::fmt;

/// Most characters of the input that a message quotes; fits a terminal of 80 columns with its indent.
const EXCERPT_CHARS_MAX: usize = 72;

/// Characters kept before the offending column when the input is longer than the excerpt.
const EXCERPT_LEAD: usize = 48;

/// A refused address, or part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressError {
    /// First column that is wrong, in characters, 1-based; one past the end where something is missing.
    pub column: usize,
    /// What was being read: `address`, `name` or `path`, `query`, `fragment`.
    pub subject: &'static str,
    /// What is wrong there.
    pub what: String,
    /// What would be right.
    pub expected: String,
    /// The line that is quoted: printable ASCII only, bounded.
    excerpt: String,
    /// Characters before the caret under the excerpt.
    caret: usize,
}

impl AddressError {
    /// `offset`: byte offset of the first wrong character in `input`.
    pub(super) fn new(
        subject: &'static str,
        input: &str,
        offset: usize,
        what: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        let before = input.char_indices().take_while(|&(at, _)| at < offset).count();
        let (excerpt, caret) = excerpt(input, before);
        AddressError {
            column: before + 1,
            subject,
            what: what.into(),
            expected: expected.into(),
            excerpt,
            caret,
        }
    }
}

/// The stretch of `input` around the character number `focus` (0-based), and where in it that character stands.
fn excerpt(input: &str, focus: usize) -> (String, usize) {
    let printable = |c: char| {
        if c == ' ' || c.is_ascii_graphic() { c } else { '?' }
    };
    let skip = if focus < EXCERPT_CHARS_MAX {
        0
    } else {
        focus - EXCERPT_LEAD
    };
    let lead = if skip > 0 { "..." } else { "" };
    let mut rest = input.chars().skip(skip);
    let mut text: String = lead.to_owned();
    text.extend(rest.by_ref().take(EXCERPT_CHARS_MAX).map(printable));
    if rest.next().is_some() {
        text.push_str("...");
    }
    (text, lead.len() + focus - skip)
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "bad {}, column {}: {}", self.subject, self.column, self.what)?;
        writeln!(f, "  {}", self.excerpt)?;
        writeln!(f, "  {:caret$}^", "", caret = self.caret)?;
        write!(f, "  expected {}", self.expected)
    }
}

impl std::error::Error for AddressError {}

/// A character as a message shows it: itself where that is safe, its code point otherwise.
pub(super) fn show(c: char) -> String {
    if c.is_ascii_graphic() {
        format!("`{c}`")
    } else if c == ' ' {
        "a space".to_owned()
    } else if c.is_alphanumeric() {
        format!("`{c}` (U+{:04X})", u32::from(c))
    } else {
        format!("U+{:04X}", u32::from(c))
    }
}
