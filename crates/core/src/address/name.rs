//! The four names of an address: each is exact or open.
//!
//! A [`Label`] can only be made from text that obeys the grammar, so a [`Name`] that exists prints to something that can
//! be read again.

use std::fmt;

use super::error::AddressError;
use super::parse;

/// Longest name, bytes: as long as names in events may be, so that every agent can be addressed. The 64 hexadecimal digits
/// of a project id fit twice.
pub const NAME_BYTES_MAX: usize = 128;

/// A name of an address.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// `*`: left open.
    #[default]
    Any,
    /// This one.
    Exact(Label),
}

/// The text of an exact name: `[a-zA-Z0-9_-]+`, at most [`NAME_BYTES_MAX`] bytes, not `any`. Case matters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(String);

impl Name {
    /// Reads one name by itself: a label, or `*`, `any` or nothing for an open one.
    pub fn parse(input: &str) -> Result<Self, AddressError> {
        parse::name(input)
    }

    /// An exact name; an error for `*`, `any`, nothing, or what is no name.
    pub fn exact(input: &str) -> Result<Self, AddressError> {
        Label::parse(input).map(Name::Exact)
    }

    /// Whether it is left open.
    pub fn is_any(&self) -> bool {
        matches!(self, Name::Any)
    }

    /// The text of an exact name.
    pub fn as_exact(&self) -> Option<&str> {
        match self {
            Name::Any => None,
            Name::Exact(label) => Some(label.as_str()),
        }
    }

    /// Whether this name, as a pattern, covers all that `other` names.
    pub fn covers(&self, other: &Name) -> bool {
        self.is_any() || self == other
    }

    /// Whether both can name the same thing.
    pub fn overlaps(&self, other: &Name) -> bool {
        self.is_any() || other.is_any() || self == other
    }
}

impl Label {
    /// Reads a label. `any` is refused, since it means `*`.
    pub fn parse(input: &str) -> Result<Self, AddressError> {
        parse::label(input)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For the parser, which has checked the text.
    pub(super) fn from_checked(text: &str) -> Self {
        debug_assert!(!text.is_empty() && text.len() <= NAME_BYTES_MAX && text != "any");
        Label(text.to_owned())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_exact().unwrap_or("*"))
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Label {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<Label> for Name {
    fn from(label: Label) -> Self {
        Name::Exact(label)
    }
}
