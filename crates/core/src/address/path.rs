//! The path of an address: a hierarchy of resources below a task, with listing.
//!
//! A path is a sequence of segments. It names one resource, or, with a slash at its end (and when it is empty), a
//! *folder*: as a pattern that is the resource of that name and everything below it. Segments are never empty, `.` or
//! `..`, so a path cannot climb out of its folder and two spellings cannot name one resource.

use std::fmt;

use super::error::AddressError;
use super::parse;

/// Longest path, bytes.
pub const PATH_BYTES_MAX: usize = 1024;

/// Most segments of a path: deeper than any source tree that was met, and a bound for everything that walks one.
pub const PATH_DEPTH_MAX: usize = 64;

/// A path in canonical form: segments joined by `/`, with a slash at the end for a folder; empty for the root folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(String);

/// The segments of a path, from the root down.
pub type Segments<'a> = std::str::SplitTerminator<'a, char>;

impl Path {
    /// The root: the empty path, a folder that holds everything.
    pub const ROOT: Path = Path(String::new());

    /// Reads a path by itself, without a temporal segment; empty segments (also a leading slash) are dropped.
    pub fn parse(input: &str) -> Result<Self, AddressError> {
        parse::path(input)
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it names a folder: itself and all below it.
    pub fn is_folder(&self) -> bool {
        self.is_root() || self.0.ends_with('/')
    }

    /// The segments, from the root down.
    pub fn segments(&self) -> Segments<'_> {
        self.0.split_terminator('/')
    }

    /// Number of segments.
    pub fn depth(&self) -> usize {
        self.segments().count()
    }

    /// The last segment; none for the root.
    pub fn name(&self) -> Option<&str> {
        self.segments().next_back()
    }

    /// The folder that holds this; none for the root.
    pub fn parent(&self) -> Option<Path> {
        let bare = self.bare();
        if bare.is_empty() {
            return None;
        }
        let end = bare.rfind('/').map_or(0, |slash| slash + 1);
        Some(Path(bare[..end].to_owned()))
    }

    /// The same place as a folder.
    #[must_use]
    pub fn to_folder(&self) -> Path {
        if self.is_folder() {
            return self.clone();
        }
        Path(format!("{}/", self.0))
    }

    /// This path followed by `relative`, which is read as a path.
    pub fn join(&self, relative: &str) -> Result<Path, AddressError> {
        let relative = Path::parse(relative)?;
        if self.is_root() || relative.is_root() {
            return Ok(if self.is_root() { relative } else { self.clone() });
        }
        Path::parse(&format!("{}/{}", self.bare(), relative.0))
    }

    /// Whether this is `other` or lies anywhere above it, by whole segments: `a` is a prefix of `a/b`, not of `ab`.
    pub fn is_prefix_of(&self, other: &Path) -> bool {
        self.strip_from(other).is_some()
    }

    /// Whether this lies directly in `folder`.
    pub fn is_child_of(&self, folder: &Path) -> bool {
        folder.child_towards(self).is_some_and(|(_, deeper)| !deeper)
    }

    /// For a listing of this folder: the segment directly below it on the way to `other`, and whether `other` lies deeper
    /// still (then the segment is shown as a folder). None where `other` is not below this.
    pub fn child_towards<'a>(&self, other: &'a Path) -> Option<(&'a str, bool)> {
        let rest = self.strip_from(other)?;
        let mut segments = rest.split_terminator('/');
        let child = segments.next().filter(|segment| !segment.is_empty())?;
        Some((child, segments.next().is_some()))
    }

    /// Whether this path, as a pattern, covers all that `other` names: a folder covers itself and what is below it, any other
    /// path itself only.
    pub fn covers(&self, other: &Path) -> bool {
        if self.is_folder() {
            self.is_prefix_of(other)
        } else {
            self == other
        }
    }

    /// What is left of `other` below this, without the slash between; none where `other` is not here or below.
    fn strip_from<'a>(&self, other: &'a Path) -> Option<&'a str> {
        let rest = other.0.strip_prefix(self.bare())?;
        if self.is_root() || rest.is_empty() {
            return Some(rest);
        }
        rest.strip_prefix('/')
    }

    fn bare(&self) -> &str {
        self.0.strip_suffix('/').unwrap_or(&self.0)
    }

    /// For the parser, which has checked the text.
    pub(super) fn from_checked(text: String) -> Self {
        Path(text)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Path {
    fn as_ref(&self) -> &str {
        &self.0
    }
}
