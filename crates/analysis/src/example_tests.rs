//! Every rule against its own examples: it must speak on the bad ones, at the marked line, and be silent on the
//! harmless look-alikes, with the whole file and with the diff alone.

use bzzz_core::change::ChangeSet;
use bzzz_core::finding::Finding;

use crate::rule::Example;
use crate::{analyse, roles, rules};

/// Ends a line of a bad example that must be reported.
const MARK: &str = "<<<";

/// A diff with one hunk around what differs, with three lines of context.
fn diff(path: &str, before: &str, after: &str) -> String {
    let old: Vec<&str> = before.lines().collect();
    let new: Vec<&str> = after.lines().collect();
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let tail = old[head..]
        .iter()
        .rev()
        .zip(new[head..].iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let start = head.saturating_sub(3);
    let (old_end, new_end) = (
        (old.len() - tail + 3).min(old.len()),
        (new.len() - tail + 3).min(new.len()),
    );
    let from = if before.is_empty() {
        "/dev/null".to_owned()
    } else {
        format!("a/{path}")
    };
    let to = if after.is_empty() {
        "/dev/null".to_owned()
    } else {
        format!("b/{path}")
    };
    let first = |len: usize| if len == 0 { 0 } else { start + 1 };
    let mut out = format!(
        "--- {from}\n+++ {to}\n@@ -{},{} +{},{} @@\n",
        first(old_end - start),
        old_end - start,
        first(new_end - start),
        new_end - start
    );
    let mut put = |mark: char, lines: &[&str]| lines.iter().for_each(|l| out += &format!("{mark}{l}\n"));
    put(' ', &old[start..head]);
    put('-', &old[head..old.len() - tail]);
    put('+', &new[head..new.len() - tail]);
    put(' ', &old[old.len() - tail..old_end]);
    out
}

fn change_set(example: &Example, whole: bool) -> (ChangeSet, Vec<u32>) {
    let mut marked = Vec::new();
    let after: String = (1..)
        .zip(example.after.lines())
        .map(|(n, line)| {
            let line = line.strip_suffix(MARK).map_or(line, |rest| {
                marked.push(n);
                rest.trim_end()
            });
            format!("{line}\n")
        })
        .collect();
    let mut set = ChangeSet::from_diff("example", diff(example.path, example.before, &after).as_bytes());
    if whole {
        set.files.insert(example.path.into(), after);
        set.old_files.insert(example.path.into(), example.before.into());
    }
    (set, marked)
}

fn found(rule: &crate::RuleInfo, set: &ChangeSet) -> Vec<Finding> {
    analyse(rule.role, set)
        .findings
        .into_iter()
        .filter(|f| f.rule == rule.id)
        .collect()
}

#[test]
fn rules_speak_on_their_bad_examples() {
    let mut wrong = Vec::new();
    for rule in crate::rules::all() {
        for example in rule.bad {
            let (set, marked) = change_set(example, true);
            let findings = found(&rule.info, &set);
            let lines: Vec<u32> = findings.iter().map(|f| f.line).collect();
            if findings.is_empty() || (!marked.is_empty() && lines != marked) {
                wrong.push(format!(
                    "{}: found {lines:?}, wanted {marked:?} in\n{}",
                    rule.info.id, example.after
                ));
            }
            for finding in findings {
                let change = set.change().unwrap();
                finding.validate().unwrap_or_else(|e| panic!("{}: {e}", rule.info.id));
                if let Err(error) = finding.quote_stands(&change, &set.files) {
                    wrong.push(format!("{}: {error}\nquote: {}", rule.info.id, finding.quote));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn rules_are_silent_on_look_alikes() {
    let mut wrong = Vec::new();
    for rule in crate::rules::all() {
        for example in rule.good {
            for whole in [true, false] {
                let (set, _) = change_set(example, whole);
                for finding in found(&rule.info, &set) {
                    let (line, quote) = (finding.line, finding.quote);
                    wrong.push(format!(
                        "{} at {line} (whole: {whole}): {quote}\n{}",
                        rule.info.id, example.after
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn unchanged_code_is_not_reported() {
    for rule in crate::rules::all() {
        for example in rule.bad.iter().filter(|e| e.before.is_empty() && e.path.contains('.')) {
            let text = example.after.replace(MARK, "");
            let far = "\n".repeat(12);
            let comment = if example.path.ends_with(".py") {
                "# end"
            } else {
                "// end"
            };
            let (before, after) = (format!("{text}{far}"), format!("{text}{far}{comment}\n"));
            let mut set = ChangeSet::from_diff("x", diff(example.path, &before, &after).as_bytes());
            set.files.insert(example.path.into(), after);
            set.old_files.insert(example.path.into(), before);
            let findings = found(&rule.info, &set);
            assert!(findings.is_empty(), "{}: {findings:#?}", rule.info.id);
        }
    }
}

#[test]
fn every_rule_is_complete() {
    let mut ids = std::collections::BTreeSet::new();
    for rule in crate::rules::all() {
        let info = rule.info;
        assert!(ids.insert(info.id), "{} twice", info.id);
        assert_eq!(info.id.split_once('/').map(|(role, _)| role), Some(info.role));
        assert!(roles().contains(&info.role), "{}", info.role);
        assert!(
            !rule.bad.is_empty() && !rule.good.is_empty(),
            "{} lacks examples",
            info.id
        );
        assert!(
            info.title.len() < 100 && info.why.len() > 30 && info.fix.len() > 15,
            "{} says too little",
            info.id
        );
        for lang in info
            .languages
            .iter()
            .filter(|l| !matches!(l, crate::Lang::Tsx | crate::Lang::TypeScript))
        {
            let shown =
                |e: &&Example| crate::Lang::of_path(e.path).is_some_and(|l| l == *lang || (l.is_js() && lang.is_js()));
            assert!(
                rule.bad.iter().any(|e| shown(&e)),
                "{} has no bad example in {}",
                info.id,
                lang.name()
            );
        }
    }
    for role in roles() {
        assert!(
            rules().iter().filter(|r| r.role == *role).count() >= 6,
            "{role} has few rules"
        );
    }
}

#[test]
fn no_example_breaks_another_rule() {
    for rule in crate::rules::all() {
        for example in rule.bad.iter().chain(rule.good) {
            let cut: String = example.after.chars().take(example.after.chars().count() / 2).collect();
            for role in roles() {
                let (set, _) = change_set(example, true);
                for finding in analyse(role, &set).findings {
                    let change = set.change().unwrap();
                    assert!(
                        finding.validate().is_ok() && finding.quote_stands(&change, &set.files).is_ok(),
                        "{finding:#?}"
                    );
                }
                let broken = diff(example.path, "", &cut);
                let _ = analyse(role, &ChangeSet::from_diff("broken", broken.as_bytes()));
            }
        }
    }
}
