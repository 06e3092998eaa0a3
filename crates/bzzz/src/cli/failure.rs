//! Errors as people and programs see them: what was attempted, why it failed, what to do.
//!
//! Inside, an error is an `anyhow` chain. Where a command knows what it attempted it adds an [`Explained`] with
//! [`Explain::explain`]; the one mapping to text, JSON and exit status is [`Shown`].

use serde::Serialize;

use super::exit::Exit;
use crate::term::clean;
use crate::term::style::{Ink, Paint};

/// Result of a command's parts.
pub type Result<T> = anyhow::Result<T>;

/// What was attempted, with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// `could not …`, lower case, no full stop.
    pub what: String,
    /// What to do, where something can be said.
    pub hint: Option<String>,
    /// Exit status.
    pub exit: Exit,
}

impl std::fmt::Display for Explained {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Explained {}

/// A failure without a deeper cause.
pub fn fail(exit: Exit, what: impl Into<String>, hint: Option<&str>) -> anyhow::Error {
    anyhow::Error::new(Explained {
        what: what.into(),
        hint: hint.map(str::to_owned),
        exit,
    })
}

/// A failure because of `because`.
pub fn fail_because(
    exit: Exit,
    what: impl Into<String>,
    because: impl Into<String>,
    hint: Option<&str>,
) -> anyhow::Error {
    anyhow::anyhow!(because.into()).context(Explained {
        what: what.into(),
        hint: hint.map(str::to_owned),
        exit,
    })
}

/// A failure of the core or the store, whose sentences read `attempt: cause; what to do`.
pub fn from_sentence(exit: Exit, what: impl Into<String>, sentence: &str) -> anyhow::Error {
    let (cause, hint) = match sentence.rsplit_once("; ") {
        Some((cause, hint)) => (cause, Some(hint)),
        None => (sentence, None),
    };
    fail_because(exit, what, cause, hint)
}

/// Adds what was attempted to a failed result.
pub trait Explain<T> {
    /// `what` was attempted; `hint` says what to do.
    fn explain(self, exit: Exit, what: impl Into<String>, hint: Option<&str>) -> Result<T>;
}

impl<T, E: Into<anyhow::Error>> Explain<T> for std::result::Result<T, E> {
    fn explain(self, exit: Exit, what: impl Into<String>, hint: Option<&str>) -> Result<T> {
        self.map_err(|error| {
            error.into().context(Explained {
                what: what.into(),
                hint: hint.map(str::to_owned),
                exit,
            })
        })
    }
}

/// An error ready to be shown; also its JSON form on standard error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// What was attempted.
    pub error: String,
    /// Causes, nearest first.
    pub because: Vec<String>,
    /// What to do.
    #[serde(rename = "try", skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// [`Exit::word`].
    pub kind: &'static str,
    /// [`Exit::code`].
    pub exit: u8,
}

impl Shown {
    /// Reads the chain: the outermost [`Explained`] gives the exit status and the hint.
    pub fn new(error: &anyhow::Error) -> (Self, Exit) {
        // `downcast_ref` on the whole error finds the outermost context of that type.
        let explained = error.downcast_ref::<Explained>();
        let exit = explained.map_or(Exit::Local, |explained| explained.exit);
        let hint = explained.and_then(|explained| explained.hint.clone());
        let mut because: Vec<String> = Vec::new();
        let first = clean::line(&error.to_string());
        for cause in error.chain().skip(1) {
            let text = clean::line(&cause.to_string());
            if text != first && because.last() != Some(&text) {
                because.push(text);
            }
        }
        let shown = Self {
            error: first,
            because,
            hint: hint.map(|hint| clean::line(&hint)),
            kind: exit.word(),
            exit: exit.code(),
        };
        (shown, exit)
    }

    /// Three kinds of lines for people.
    pub fn text(&self, paint: Paint) -> String {
        let mut out = format!("{} {}", paint.ink(Ink::Worst, "error:"), self.error);
        for because in &self.because {
            out.push_str(&format!("\n  {} {because}", paint.ink(Ink::Bad, "because:")));
        }
        if let Some(hint) = &self.hint {
            out.push_str(&format!("\n  {} {hint}", paint.ink(Ink::Good, "try:")));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_is_told_in_order() {
        let error = Err::<(), _>(std::io::Error::other("disk on fire"))
            .explain(Exit::Local, "could not read x", Some("put it out"))
            .explain(Exit::Usage, "could not review x", Some("use another disk"))
            .expect_err("an error");
        let (shown, exit) = Shown::new(&error);
        assert_eq!(exit, Exit::Usage);
        assert_eq!(
            shown.text(Paint { on: false }),
            "error: could not review x\n  because: could not read x\n  because: disk on fire\n  try: use another disk"
        );
    }

    #[test]
    fn control_characters_in_a_cause_stay_harmless() {
        let error = fail_because(Exit::Usage, "could not read", "bad \u{1b}[2J name", None);
        assert!(!Shown::new(&error).0.text(Paint { on: false }).contains('\u{1b}'));
    }
}
