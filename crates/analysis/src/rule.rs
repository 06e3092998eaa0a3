//! What a rule is, and the sink that it reports to.
//!
//! A rule is one row of a table: what it is about in words, the check, and examples on which it must and must not
//! speak. The same examples are its tests. The sink alone decides whether something counts: only lines that the change
//! adds (or the functions and lists that it touches, where a rule says so) can be reported, once per rule and line.

use bzzz_core::finding::{Finding, MASK, Severity};
use serde::Serialize;

use crate::files::{Changed, File};
use crate::lang::Lang;
use crate::secrets;
use crate::tree::{Doc, Node};

/// Most findings of one rule in one change: behind that, a list helps nobody.
pub const MAX_FINDINGS_PER_RULE: usize = 100;
/// How many lines of a node must hold an added line for it to count as introduced by the change.
const ANCHOR_LINES: u32 = 8;
/// Most lines of a quote.
const QUOTE_LINES: usize = 3;
/// Longest line of a quote, bytes.
const QUOTE_LINE_BYTES: usize = 300;

/// A rule as the outside sees it.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct RuleInfo {
    /// `role/name`.
    pub id: &'static str,
    /// Role to which it belongs.
    pub role: &'static str,
    /// How bad its findings are, as a rule; a finding may be worse or better where the code says so.
    pub severity: Severity,
    /// Languages; none means any text.
    pub languages: &'static [Lang],
    /// One line for a list.
    pub title: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// How to mend it.
    pub fix: &'static str,
    /// CWE number, where one applies.
    pub cwe: Option<u32>,
}

/// How a rule looks at a change.
#[derive(Clone, Copy)]
pub(crate) enum Check {
    /// At the tree of a text after the change.
    Doc(fn(&Doc, &File<'_>, &mut Sink<'_>)),
    /// At a file: its lines, and both sides.
    File(fn(&File<'_>, &mut Sink<'_>)),
    /// At everything.
    Change(fn(&Changed<'_>, &mut Sink<'_>)),
}

/// A file before and after, as an example for a rule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Example {
    #[cfg_attr(not(test), allow(dead_code))]
    pub path: &'static str,
    #[cfg_attr(not(test), allow(dead_code))]
    pub before: &'static str,
    #[cfg_attr(not(test), allow(dead_code))]
    pub after: &'static str,
}

/// A new file.
pub(crate) const fn new(path: &'static str, after: &'static str) -> Example {
    Example {
        path,
        before: "",
        after,
    }
}

/// An edited file.
pub(crate) const fn edit(path: &'static str, before: &'static str, after: &'static str) -> Example {
    Example { path, before, after }
}

/// A rule with its check and examples.
pub(crate) struct Rule {
    pub info: RuleInfo,
    pub check: Check,
    /// The rule must speak: at the line that ends in `<<<`, where one does.
    #[cfg_attr(not(test), allow(dead_code))]
    pub bad: &'static [Example],
    /// Harmless look-alikes: the rule must be silent.
    #[cfg_attr(not(test), allow(dead_code))]
    pub good: &'static [Example],
}

/// Where a rule reports.
pub(crate) struct Sink<'r> {
    info: &'r RuleInfo,
    pub findings: Vec<Finding>,
    /// Findings beyond [`MAX_FINDINGS_PER_RULE`].
    pub left_out: usize,
}

impl<'r> Sink<'r> {
    pub(crate) fn new(info: &'r RuleInfo) -> Self {
        Sink {
            info,
            findings: Vec::new(),
            left_out: 0,
        }
    }

    /// Reports a node that the change introduces.
    pub(crate) fn node(&mut self, file: &File<'_>, node: Node<'_>) {
        self.node_as(file, node, |_| {});
    }

    /// Likewise, with the finding adapted.
    pub(crate) fn node_as(&mut self, file: &File<'_>, node: Node<'_>, adapt: impl FnOnce(&mut Finding)) {
        let last = node.end_line().min(node.line().saturating_add(ANCHOR_LINES - 1));
        if node.is_real() && file.adds(node.line(), last) {
            self.push(file, node.line(), last, adapt);
        }
    }

    /// Reports lines after the change, whether added or not: for what the change touches or crosses.
    pub(crate) fn lines(&mut self, file: &File<'_>, line: u32, end_line: u32, adapt: impl FnOnce(&mut Finding)) {
        self.push(file, line, end_line, adapt);
    }

    /// Reports a removed line.
    pub(crate) fn removed(&mut self, file: &File<'_>, line: u32, adapt: impl FnOnce(&mut Finding)) {
        if let Some(text) = file.removed.get(&line) {
            self.add(file, line, line, cut(text), adapt);
        }
    }

    fn push(&mut self, file: &File<'_>, line: u32, end_line: u32, adapt: impl FnOnce(&mut Finding)) {
        let mut quote: Vec<String> = Vec::new();
        for number in line..=end_line.min(line.saturating_add(QUOTE_LINES as u32 - 1)) {
            let Some(text) = file.line(number) else { break };
            quote.push(cut(text));
            if text.trim().len() > QUOTE_LINE_BYTES {
                break;
            }
        }
        self.add(file, line, end_line, quote.join("\n"), adapt);
    }

    fn add(&mut self, file: &File<'_>, line: u32, end_line: u32, quote: String, adapt: impl FnOnce(&mut Finding)) {
        if quote.replace(MASK, "").trim().is_empty()
            || self.findings.iter().any(|f| f.line == line && f.file == file.path)
        {
            return;
        }
        if self.findings.len() >= MAX_FINDINGS_PER_RULE {
            self.left_out += 1;
            return;
        }
        let mut finding = Finding {
            rule: self.info.id.to_owned(),
            role: self.info.role.to_owned(),
            severity: self.info.severity,
            file: file.path.to_owned(),
            line,
            end_line,
            quote,
            title: self.info.title.to_owned(),
            why: self.info.why.to_owned(),
            fix: self.info.fix.to_owned(),
            cwe: self.info.cwe,
        };
        adapt(&mut finding);
        for text in [&mut finding.title, &mut finding.why, &mut finding.fix] {
            *text = printable(text);
        }
        self.findings.push(finding);
    }
}

/// A line as it stands in a quote: trimmed, secrets and control characters masked, and cut.
fn cut(line: &str) -> String {
    // Masked before it is cut, or half a secret would stand at the end.
    let head: String = line.trim().chars().take(4 * QUOTE_LINE_BYTES).collect();
    let mut masked = String::new();
    for c in secrets::mask(&head).chars() {
        if c.is_control() && c != '\t' {
            if !masked.ends_with(MASK) {
                masked.push_str(MASK);
            }
        } else {
            masked.push(c);
        }
        if masked.len() >= QUOTE_LINE_BYTES {
            break;
        }
    }
    masked
}

/// Text that is put into a finding's prose: names come from the change and may hold anything.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A name from the change for use in prose: short and on one line.
pub(crate) fn shown(name: &str) -> String {
    let mut out: String = name.chars().take(60).collect();
    if out.len() < name.len() {
        out.push_str("...");
    }
    out
}
