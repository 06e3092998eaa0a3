//! What analysers read of a change, and what they did not: nobody vouches for a file that nobody has read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Files that a sentence names for each reason, at most; the rest is counted.
pub const MAX_NAMED_FILES: usize = 5;
/// Reasons that a sentence names, at most; the files behind the others are counted.
pub const MAX_NAMED_REASONS: usize = 8;
/// Longest path in a sentence, characters.
const MAX_NAMED_PATH: usize = 120;

/// A file of a change that was not read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unread {
    /// Path; empty for the change as a whole.
    pub file: String,
    /// Why, as words that fit into brackets behind the path.
    pub why: String,
}

/// How far an agent's analysers came through a change. The default: everything was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// What they did not read.
    pub unread: Vec<Unread>,
    /// Whether that is too much to approve by: nothing of the change was read, or a file was left out that they are there to read.
    pub falls_short: bool,
}

/// Files with their reasons in one bounded piece of text: `a.go, b.go (no rules read this kind of file); c.py (...)`.
pub fn named(unread: &[Unread]) -> String {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in unread {
        by_reason.entry(&one.why).or_default().push(&one.file);
    }
    let mut parts: Vec<String> = Vec::new();
    for (why, files) in by_reason.iter().take(MAX_NAMED_REASONS) {
        let shown: Vec<String> = files.iter().take(MAX_NAMED_FILES).map(|f| path(f)).collect();
        let more = match files.len().saturating_sub(MAX_NAMED_FILES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        parts.push(format!("{}{more} ({why})", shown.join(", ")));
    }
    let rest: usize = by_reason.values().skip(MAX_NAMED_REASONS).map(Vec::len).sum();
    if rest > 0 {
        parts.push(format!("and {rest} more for other reasons"));
    }
    parts.join("; ")
}

fn path(file: &str) -> String {
    if file.is_empty() {
        return "the change".to_owned();
    }
    let mut out: String = file.chars().take(MAX_NAMED_PATH).collect();
    if out.len() < file.len() {
        out.push_str("...");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_files_and_reasons_make_a_short_text() {
        let one = |file: String, why: String| Unread { file, why };
        let mut all: Vec<Unread> = (0..9).map(|n| one(format!("{n}.go"), "no rules".into())).collect();
        assert_eq!(named(&all), "0.go, 1.go, 2.go, 3.go, 4.go and 4 more (no rules)");
        all.extend((0..20).map(|n| one("x".repeat(4096), format!("reason {n}"))));
        let text = named(&all);
        assert!(text.ends_with("; and 13 more for other reasons"), "{text}");
        assert!(text.len() < 2_000, "{}", text.len());
    }
}
