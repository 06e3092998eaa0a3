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
mod reading;
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
use bzzz_core::reading::{Reading, Unread};
use serde::Serialize;

pub use lang::Lang;
pub use reading::Coverage;
pub use rule::{MAX_FINDINGS_PER_RULE, RuleInfo};
pub use tree::{MAX_LINE_BYTES, MAX_PARSE_BYTES, MAX_PARSE_TIME, MAX_TREE_DEPTH, MAX_TREE_NODES};

use rule::{Check, Rule, Sink};

/// What the analysers of one role found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Analysis {
    /// Findings, worst first, then by file and line.
    pub findings: Vec<Finding>,
    /// What was not looked at, or not in full, and why: nothing is left out in silence.
    pub skipped: Vec<Unread>,
    /// How far the role came through the change, and whether it may approve by that.
    pub reading: Reading,
}

/// Looks at `change` with the rules of `role`. A role without rules finds nothing and reads nothing; a diff that cannot be parsed is told in
/// [`Analysis::skipped`].
pub fn analyse(role: &str, change: &ChangeSet) -> Analysis {
    let mut analysis = Analysis::default();
    let mut coverage = Coverage::default();
    let parsed = change.change();
    match &parsed {
        Err(error) => coverage.broken(&error.to_string()),
        Ok(parsed) if roles().contains(&role) => {
            let changed = files::prepare(change, parsed, &mut coverage);
            for rule in rules::all().filter(|r| r.info.role == role) {
                let mut sink = Sink::new(&rule.info);
                run(rule, &changed, &mut sink);
                if sink.left_out > 0 {
                    let why = format!("{}: {} more findings were left out", rule.info.id, sink.left_out);
                    coverage.partly("", &why);
                }
                analysis.findings.append(&mut sink.findings);
            }
        }
        Ok(_) => {}
    }
    analysis.findings.sort_by(|a, b| {
        let key = |f: &Finding| (std::cmp::Reverse(f.severity), f.file.clone(), f.line, f.rule.clone());
        key(a).cmp(&key(b))
    });
    coverage.settle();
    analysis.reading = coverage.reading(role);
    analysis.skipped = [coverage.unread, coverage.partly].concat();
    analysis.skipped.sort();
    analysis
}

/// How far a change is read by all roles together: a report names what nobody reads, since nothing was found there for want of looking.
pub fn coverage(change: &ChangeSet) -> Coverage {
    let mut coverage = Coverage::default();
    match change.change() {
        Ok(parsed) => drop(files::prepare(change, &parsed, &mut coverage)),
        Err(error) => coverage.broken(&error.to_string()),
    }
    coverage.settle();
    coverage
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
