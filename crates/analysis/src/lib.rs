//! Grounded analysers over syntax trees, one set of rules for each role.
//!
//! [`analyse`] looks at a change with the rules of one role and says only what it can show: every finding carries a rule
//! id, a place, a quote that stands in the change, why it matters and how to mend it. It needs no model and no network,
//! and the same change gives the same findings on every node. Precision comes first: a rule that cannot tell a fault
//! from its harmless look-alike is silent. `docs/analysis.md` tells how a rule is written and lists them all.
//!
//! What always holds: only what the change introduces or touches is reported; secrets are masked before they become a
//! quote; hostile input (garbage, deep nesting, endless lines) costs bounded time and is named in
//! [`Analysis::skipped`].

mod code;
mod files;
pub mod lang;
mod rule;
mod rules;
mod secrets;
mod tree;

#[cfg(test)]
mod example_tests;
#[cfg(test)]
mod hostile_tests;

use std::sync::OnceLock;

use bzzz_core::change::ChangeSet;
use bzzz_core::finding::Finding;
use serde::Serialize;

pub use lang::Lang;
pub use rule::{MAX_FINDINGS_PER_RULE, RuleInfo};
pub use tree::{MAX_LINE_BYTES, MAX_PARSE_BYTES, MAX_PARSE_TIME, MAX_TREE_DEPTH, MAX_TREE_NODES};

use rule::{Check, Rule, Sink};

/// What the analysers of one role found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Analysis {
    /// Findings, worst first, then by file and line.
    pub findings: Vec<Finding>,
    /// What was not looked at, and why: nothing is left out in silence.
    pub skipped: Vec<Skipped>,
}

/// Something that was not looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Skipped {
    /// Path; empty for the change as a whole.
    pub file: String,
    /// Why, as a sentence for the report.
    pub why: String,
}

/// Looks at `change` with the rules of `role`. A role without rules finds nothing; a diff that cannot be parsed is told
/// in [`Analysis::skipped`].
pub fn analyse(role: &str, change: &ChangeSet) -> Analysis {
    let mut analysis = Analysis::default();
    let parsed = match change.change() {
        Ok(parsed) => parsed,
        Err(error) => {
            analysis.skipped.push(Skipped {
                file: String::new(),
                why: error.to_string(),
            });
            return analysis;
        }
    };
    if !roles().contains(&role) {
        return analysis;
    }
    let changed = files::prepare(change, &parsed, &mut analysis.skipped);
    for rule in rules::all().filter(|r| r.info.role == role) {
        let mut sink = Sink::new(&rule.info);
        run(rule, &changed, &mut sink);
        if sink.left_out > 0 {
            let why = format!("{}: {} more findings were left out", rule.info.id, sink.left_out);
            analysis.skipped.push(Skipped {
                file: String::new(),
                why,
            });
        }
        analysis.findings.append(&mut sink.findings);
    }
    analysis.findings.sort_by(|a, b| {
        let key = |f: &Finding| (std::cmp::Reverse(f.severity), f.file.clone(), f.line, f.rule.clone());
        key(a).cmp(&key(b))
    });
    analysis.skipped.sort();
    analysis.skipped.dedup();
    analysis
}

/// What no rule over syntax trees looks at in a change, whatever the role: a report names it, since nothing was found there for want of
/// looking.
pub fn unread(change: &ChangeSet) -> Vec<Skipped> {
    let mut skipped = Vec::new();
    match change.change() {
        Ok(parsed) => drop(files::prepare(change, &parsed, &mut skipped)),
        Err(error) => skipped.push(Skipped {
            file: String::new(),
            why: error.to_string(),
        }),
    }
    skipped.sort();
    skipped.dedup();
    skipped
}

fn run(rule: &Rule, changed: &files::Changed<'_>, sink: &mut Sink<'_>) {
    let languages = rule.info.languages;
    let reads = |file: &files::File<'_>| languages.is_empty() || file.lang.is_some_and(|l| languages.contains(&l));
    match rule.check {
        Check::Change(check) => check(changed, sink),
        Check::File(check) => changed
            .files
            .iter()
            .filter(|f| reads(f))
            .for_each(|file| check(file, sink)),
        Check::Doc(check) => {
            for file in changed.files.iter().filter(|f| reads(f)) {
                file.docs.iter().for_each(|doc| check(doc, file, sink));
            }
        }
    }
}

/// All rules, by role and then in the order of their tables.
pub fn rules() -> &'static [RuleInfo] {
    static RULES: OnceLock<Vec<RuleInfo>> = OnceLock::new();
    RULES.get_or_init(|| rules::all().map(|r| r.info).collect())
}

/// Roles that have rules.
pub fn roles() -> &'static [&'static str] {
    &["security", "reviewer", "performance", "architect", "documentation"]
}
