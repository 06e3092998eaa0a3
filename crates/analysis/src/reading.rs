//! Who reads which files of a change, and what was left out.
//!
//! Code in a language with a grammar is there for all roles to read: where one such file could not be read (too large, too deep, binary,
//! generated), nobody approves by its rules. Prose holds nothing that a role would miss, so it counts as read by all. Settings are looked at
//! by the rules over plain text alone: the documentation agent vouches for them, and the architect for the manifests of packages. Everything
//! else (other languages, build files, workflows, binaries) is read by nobody, and is named; where a change has nothing else, nobody approves it.
//! A file that only goes, or only gets another name, has nothing to read.

use bzzz_core::diff::{FileDiff, FileStatus, LineKind};
use bzzz_core::reading::{Reading, Unread};

use crate::lang::{self, Lang};

/// What a file is to its readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Its content does not change, or the file goes.
    Nothing,
    /// In a language with a grammar.
    Code,
    /// Text for people.
    Prose,
    /// What a package needs.
    Manifest,
    /// Settings and data.
    Settings,
    /// In a language with a grammar, and not read all the same.
    Unreadable(&'static str),
    /// Nothing that anybody reads.
    Foreign(&'static str),
}

impl Kind {
    pub(crate) fn of(diff: &FileDiff) -> Kind {
        let path = diff.path();
        let changes = diff
            .hunks
            .iter()
            .flat_map(|h| &h.lines)
            .any(|l| l.kind != LineKind::Context);
        if diff.status == FileStatus::Deleted || !(changes || diff.binary) {
            return Kind::Nothing;
        }
        let code = Lang::of_path(path).is_some();
        match (code, diff.binary) {
            (true, true) => Kind::Unreadable("binary"),
            (true, false) if lang::is_vendored_path(path) => Kind::Unreadable("vendored or generated"),
            (true, false) => Kind::Code,
            (false, true) => Kind::Foreign("binary"),
            (false, false) => of_text(path),
        }
    }

    /// Whether a role vouches for such a file.
    fn is_read_by(self, role: &str) -> bool {
        match self {
            Kind::Nothing | Kind::Code | Kind::Prose => true,
            Kind::Manifest => role == "documentation" || role == "architect",
            Kind::Settings => role == "documentation",
            Kind::Unreadable(_) | Kind::Foreign(_) => false,
        }
    }
}

/// Files for people, by how they end and by name.
const PROSE: &[&str] = &["md", "markdown", "rst", "adoc", "txt"];
const PROSE_NAMES: &[&str] = &[
    "README",
    "LICENSE",
    "COPYING",
    "NOTICE",
    "AUTHORS",
    "CHANGELOG",
    "CONTRIBUTING",
];
/// Settings and data that no program runs, by how they end.
const SETTINGS: &[&str] = &[
    "toml",
    "json",
    "jsonc",
    "json5",
    "ini",
    "cfg",
    "conf",
    "env",
    "properties",
    "yaml",
    "yml",
    "lock",
    "csv",
];
const SETTINGS_NAMES: &[&str] = &[
    ".env",
    ".editorconfig",
    ".gitignore",
    ".gitattributes",
    ".dockerignore",
    ".npmignore",
];
const MANIFESTS: &[&str] = &["Cargo.toml", "package.json", "pyproject.toml"];
/// Folders and files in which settings are programs that a build server runs.
const WORKFLOWS: &[&str] = &[
    ".github/",
    ".gitea/",
    ".forgejo/",
    ".circleci/",
    ".buildkite/",
    ".woodpecker",
    ".gitlab-ci",
    ".travis.yml",
    "azure-pipelines",
    "action.yml",
    "action.yaml",
    "docker-compose",
    "compose.yml",
    "compose.yaml",
    "cloudbuild",
    "appveyor",
];

fn of_text(path: &str) -> Kind {
    let name = lang::file_name(path);
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    let ending = ending.to_ascii_lowercase();
    let is_requirements = ending == "txt" && (name.contains("requirements") || name.contains("constraints"));
    // A program that `cmake` runs, whatever its ending says.
    if name == "CMakeLists.txt" {
        return Kind::Foreign(NO_RULES);
    }
    if MANIFESTS.contains(&name) || is_requirements {
        return Kind::Manifest;
    }
    if PROSE.contains(&ending.as_str()) || PROSE_NAMES.contains(&name) {
        return Kind::Prose;
    }
    let lower = path.to_ascii_lowercase();
    let is_yaml = ending == "yml" || ending == "yaml";
    if is_yaml
        && WORKFLOWS
            .iter()
            .any(|w| lower.starts_with(w) || lower.contains(&format!("/{w}")))
    {
        return Kind::Foreign("a workflow or deployment: no rules read it");
    }
    let is_env = stem.eq(".env") || name.starts_with(".env");
    if SETTINGS.contains(&ending.as_str()) || SETTINGS_NAMES.contains(&name) || is_env {
        return Kind::Settings;
    }
    Kind::Foreign(NO_RULES)
}

const NO_RULES: &str = "no rules read this kind of file";
const PLAIN_TEXT: &str = "settings or data: only the rules over plain text looked at it";

/// How far a change was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Files that nobody read, in the order of their paths.
    pub unread: Vec<Unread>,
    /// Files that were read, though not by all rules or not in full.
    pub partly: Vec<Unread>,
    kinds: Vec<(String, Kind)>,
    /// Whether the change itself could not be read.
    broken: bool,
}

impl Coverage {
    pub(crate) fn file(&mut self, path: &str, kind: Kind, failed: Option<&'static str>) {
        let kind = match (kind, failed) {
            (Kind::Code, Some(why)) => Kind::Unreadable(why),
            (kind, _) => kind,
        };
        match kind {
            Kind::Unreadable(why) | Kind::Foreign(why) => self.unread.push(unread(path, why)),
            Kind::Settings | Kind::Manifest => self.partly(path, PLAIN_TEXT),
            Kind::Nothing | Kind::Code | Kind::Prose => {}
        }
        self.kinds.push((path.to_owned(), kind));
    }

    pub(crate) fn partly(&mut self, path: &str, why: &str) {
        self.partly.push(unread(path, why));
    }

    /// The change could not be read at all.
    pub(crate) fn broken(&mut self, why: &str) {
        self.broken = true;
        self.unread.push(unread("", why));
    }

    /// Sorted, and each said once.
    pub(crate) fn settle(&mut self) {
        for list in [&mut self.unread, &mut self.partly] {
            list.sort();
            list.dedup();
        }
    }

    /// What this is for an agent of `role`.
    pub fn reading(&self, role: &str) -> Reading {
        if !crate::roles().contains(&role) {
            return Reading {
                unread: vec![unread("", "there are no rules for my role")],
                falls_short: true,
            };
        }
        let missed = self.kinds.iter().any(|(_, kind)| matches!(kind, Kind::Unreadable(_)));
        // A change that only renames and deletes has nothing that could be left out.
        let is_empty = self.kinds.iter().all(|(_, kind)| *kind == Kind::Nothing);
        let has_read = |kind: Kind| kind != Kind::Nothing && kind.is_read_by(role);
        let some = is_empty || self.kinds.iter().any(|(_, kind)| has_read(*kind));
        let left: Vec<Unread> = self
            .kinds
            .iter()
            .filter_map(|(path, kind)| match kind {
                Kind::Unreadable(why) | Kind::Foreign(why) => Some(unread(path, why)),
                other if !other.is_read_by(role) => Some(unread(path, PLAIN_TEXT)),
                _ => None,
            })
            .collect();
        Reading {
            unread: if self.broken { self.unread.clone() } else { left },
            falls_short: self.broken || missed || !some,
        }
    }
}

fn unread(path: &str, why: &str) -> Unread {
    Unread {
        file: path.to_owned(),
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests;
