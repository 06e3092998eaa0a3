//! Findings: what an agent says is wrong with a change, and where it can be seen.
//!
//! A finding stands on a *quote*: text that a checker finds in the change. Findings are united and
//! de-duplicated, never voted away; only verdicts are voted (product row D2).

use serde::{Deserialize, Serialize};

/// How bad a finding is. The order is the order of badness, so `max` gives the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; the change may land with it.
    Low,
    /// Should be mended soon.
    Medium,
    /// Must be mended before the change lands.
    High,
    /// Exploitable or destructive; a security finding of this kind is a veto.
    Critical,
}

/// One finding of one agent (or of several, after union).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Rule id, `role/name`, for example `security/sql-injection`.
    pub rule: String,
    /// Role whose analysers or model raised it, for example `security`.
    pub role: String,
    /// How bad it is.
    pub severity: Severity,
    /// Path in the changed tree, with `/`.
    pub file: String,
    /// First line, 1-based, in the file after the change (before it, where the quote is a removed line). 0: the whole file.
    pub line: u32,
    /// Last line, at least `line`.
    pub end_line: u32,
    /// The offending text as it stands in the change; secrets are masked with [`MASK`].
    pub quote: String,
    /// One line for a list.
    pub title: String,
    /// Why it matters.
    pub why: String,
    /// How to mend it.
    pub fix: String,
    /// CWE number, where one applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwe: Option<u32>,
}

/// Stands in a quote for masked characters; the quote checker lets it match any run of characters of one line.
pub const MASK: &str = "•••";
