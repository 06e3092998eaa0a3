//! Addresses: how everything in the network is named.
//!
//! ```text
//! bzzz://[agent]:[role]@[project]:[task]/[temporal/][path][?query][#fragment]
//! ```
//!
//! An address is a name and a pattern at once. Each of the four names is exact or open (`*`); an address with an open
//! agent and an exact role is every agent of that role, one with only a project is the whole project. The path is a
//! hierarchy below the task; the temporal segment picks a version of what the path names.
//!
//! **Canonical form.** Two addresses that mean the same print the same, so the printed form may serve as a key:
//! - the scheme is `bzzz` in lower case (it is read in any case, as RFC 3986 §3.1 asks);
//! - `any` and an empty name are `*`, hence nothing can be called `any`; names keep their case;
//! - the slash after the task is always there;
//! - empty path segments vanish; one slash at the end stays, since `docs/` (the folder and all below it) and `docs` (that
//!   one resource) differ;
//! - a version has no leading zeros; `*^` (the latest version, asked for) is kept apart from no temporal segment (no
//!   version was spoken of: a read takes the latest, a pattern takes all);
//! - escapes in query and fragment are upper case and only where they are needed (RFC 3986 §6.2.2); an empty query or
//!   fragment vanishes.
//!
//! What always holds: `parse(print(a)) == a`; nothing in here panics on any input; every part is bounded.
//!
//! An address looks like a URI but is not quite one: RFC 3986 wants digits after the second colon. Generic URL
//! libraries refuse it, so addresses go through [`Address::parse`].

mod codec;
mod cursor;
mod error;
mod name;
mod parse;
mod path;
mod temporal;
#[cfg(test)]
mod tests;

use std::fmt;

pub use error::AddressError;
pub use name::{Label, NAME_BYTES_MAX, Name};
pub use path::{PATH_BYTES_MAX, PATH_DEPTH_MAX, Path, Segments};
pub use temporal::{Temporal, TemporalError};

/// The scheme, without `://`.
pub const SCHEME: &str = "bzzz";

/// Longest address that is read, bytes. The longest canonical one (all parts at their own bounds) is well below, so that
/// whatever was read can be printed and read again.
pub const ADDRESS_BYTES_MAX: usize = 4096;

/// Longest query in canonical form, bytes: room for a filter, not for a document.
pub const QUERY_BYTES_MAX: usize = 1024;

/// Longest fragment in canonical form, bytes: a line range or a heading.
pub const FRAGMENT_BYTES_MAX: usize = 256;

/// An address, or a pattern of addresses. See the module for the grammar and the canonical form, which `Display` prints.
///
/// The order is that of the parts from left to right, open names first.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// Which agent.
    pub agent: Name,
    /// In which role.
    pub role: Name,
    /// In which project: its name, or its id as 64 hex digits.
    pub project: Name,
    /// On which task.
    pub task: Name,
    /// At which version; `None` where no version is spoken of.
    pub temporal: Option<Temporal>,
    /// Which resource below the task.
    pub path: Path,
    query: Option<String>,
    fragment: Option<String>,
}

/// Whom an address speaks to, the narrowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope<'a> {
    /// One agent.
    Direct(&'a Label),
    /// Every agent of a role.
    Role(&'a Label),
    /// Everyone on a task.
    Task(&'a Label),
    /// Everyone in a project.
    Project(&'a Label),
    /// Everyone.
    Network,
}

impl Address {
    /// An address of four names, without path or version.
    pub fn new(agent: Name, role: Name, project: Name, task: Name) -> Self {
        Address {
            agent,
            role,
            project,
            task,
            ..Address::default()
        }
    }

    /// Reads an address. The error names the first column that is wrong and what would be right there.
    pub fn parse(input: &str) -> Result<Self, AddressError> {
        parse::address(input)
    }

    /// The same address with another path.
    #[must_use]
    pub fn with_path(mut self, path: Path) -> Self {
        self.path = path;
        self
    }

    /// The same address at a version.
    #[must_use]
    pub fn at(mut self, temporal: Temporal) -> Self {
        self.temporal = Some(temporal);
        self
    }

    /// The same address with another query; escapes are checked and normalised, an empty query is none.
    pub fn with_query(mut self, query: &str) -> Result<Self, AddressError> {
        self.query = parse::query(query)?;
        Ok(self)
    }

    /// The same address with another fragment; escapes are checked and normalised, an empty fragment is none.
    pub fn with_fragment(mut self, fragment: &str) -> Result<Self, AddressError> {
        self.fragment = parse::fragment(fragment)?;
        Ok(self)
    }

    /// The query in canonical form, still escaped, without `?`.
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// The fragment in canonical form, still escaped, without `#`.
    pub fn fragment(&self) -> Option<&str> {
        self.fragment.as_deref()
    }

    /// Whether one agent is named: then the role only asserts what that agent should be.
    pub fn is_direct(&self) -> bool {
        matches!(self.agent, Name::Exact(_))
    }

    /// Whether anything is left open: an open name, a folder, or any version. Otherwise it names one thing at most.
    pub fn is_pattern(&self) -> bool {
        [&self.agent, &self.role, &self.project, &self.task]
            .iter()
            .any(|name| name.is_any())
            || self.path.is_folder()
            || self.temporal == Some(Temporal::Any)
    }

    /// Whom the address speaks to. The wider names still restrict: `*:reviewer@p:*` is the role *within* the project.
    pub fn scope(&self) -> Scope<'_> {
        match (&self.agent, &self.role, &self.task, &self.project) {
            (Name::Exact(agent), ..) => Scope::Direct(agent),
            (_, Name::Exact(role), ..) => Scope::Role(role),
            (_, _, Name::Exact(task), _) => Scope::Task(task),
            (_, _, _, Name::Exact(project)) => Scope::Project(project),
            _ => Scope::Network,
        }
    }

    /// The address of the project alone: what the address is scoped to, with everything else left open.
    #[must_use]
    pub fn project_scope(&self) -> Address {
        Address::new(Name::Any, Name::Any, self.project.clone(), Name::Any)
    }

    /// The address of the project and task alone.
    #[must_use]
    pub fn task_scope(&self) -> Address {
        Address::new(Name::Any, Name::Any, self.project.clone(), self.task.clone())
    }

    /// Whether this address, as a pattern, covers all that `other` names.
    ///
    /// An open name covers every name; a folder covers itself and all below it; no temporal segment or `*~` covers every
    /// version; a missing query or fragment covers every one. All else must be equal. Matching is reflexive and
    /// transitive, so patterns may be nested (a scope within a scope).
    pub fn matches(&self, other: &Address) -> bool {
        self.agent.covers(&other.agent)
            && self.role.covers(&other.role)
            && self.project.covers(&other.project)
            && self.task.covers(&other.task)
            && temporal_covers(self.temporal, other.temporal)
            && self.path.covers(&other.path)
            && covers_text(&self.query, &other.query)
            && covers_text(&self.fragment, &other.fragment)
    }

    /// Whether this address and `other` can name the same thing: the test for delivery, where both sides may leave names
    /// open (a message to `*:reviewer@p:t7` reaches the agent that serves `anna:reviewer@p:*`). Symmetric.
    pub fn overlaps(&self, other: &Address) -> bool {
        self.agent.overlaps(&other.agent)
            && self.role.overlaps(&other.role)
            && self.project.overlaps(&other.project)
            && self.task.overlaps(&other.task)
            && (temporal_covers(self.temporal, other.temporal) || temporal_covers(other.temporal, self.temporal))
            && (self.path.covers(&other.path) || other.path.covers(&self.path))
            && (covers_text(&self.query, &other.query) || covers_text(&other.query, &self.query))
            && (covers_text(&self.fragment, &other.fragment) || covers_text(&other.fragment, &self.fragment))
    }

    /// The version to read, out of those that exist (ascending); no temporal segment means the latest. `base` is the
    /// version from which `~~N` and `^^N` count, the latest where none is given.
    pub fn resolve_version(&self, base: Option<u64>, versions: &[u64]) -> Result<u64, TemporalError> {
        self.temporal.unwrap_or(Temporal::Latest).resolve(base, versions)
    }
}

fn temporal_covers(pattern: Option<Temporal>, other: Option<Temporal>) -> bool {
    matches!(pattern, None | Some(Temporal::Any)) || pattern == other
}

fn covers_text(pattern: &Option<String>, other: &Option<String>) -> bool {
    pattern.is_none() || pattern == other
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{SCHEME}://{}:{}@{}:{}/",
            self.agent, self.role, self.project, self.task
        )?;
        if let Some(temporal) = self.temporal {
            write!(f, "{temporal}/")?;
        }
        write!(f, "{}", self.path)?;
        if let Some(query) = &self.query {
            write!(f, "?{query}")?;
        }
        if let Some(fragment) = &self.fragment {
            write!(f, "#{fragment}")?;
        }
        Ok(())
    }
}
