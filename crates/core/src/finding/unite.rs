//! Union of findings: every finding that anybody raised is kept once, with all who raised it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::quote::NEAR_LINES;
use super::{Finding, Severity};
use crate::report::Verdict;

/// Unites the findings of several agents. Two findings are one when they are in the same file and either
/// - have the same rule, and their quotes overlap in lines or are the same text within [`NEAR_LINES`] lines, or
/// - have the same CWE and the same quote within [`NEAR_LINES`] lines.
///
/// Of findings that are one, the worst is kept. The result does not depend on the order of the input: worst severity
/// first, then file, line and rule; agent ids are sorted and stand once.
///
/// The stated `end_line` plays no part, only the lines of the quote, which a checker has seen: a finding that claims
/// to reach over a whole file must not swallow others.
pub fn unite(raised: Vec<(String, Finding)>) -> Vec<(Finding, Vec<String>)> {
    let mut groups = Groups::new(raised.len());
    let quotes: Vec<String> = raised.iter().map(|(_, f)| normal(&f.quote)).collect();
    let mut by_rule: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    let mut by_quote: BTreeMap<(&str, &str, &str), Vec<usize>> = BTreeMap::new();
    let mut by_cwe: BTreeMap<(&str, u32, &str), Vec<usize>> = BTreeMap::new();
    for (at, (_, finding)) in raised.iter().enumerate() {
        by_rule.entry((&finding.file, &finding.rule)).or_default().push(at);
        by_quote
            .entry((&finding.file, &finding.rule, &quotes[at]))
            .or_default()
            .push(at);
        if let Some(cwe) = finding.cwe {
            by_cwe.entry((&finding.file, cwe, &quotes[at])).or_default().push(at);
        }
    }
    let line = |at: usize| raised[at].1.line;
    let last_line = |at: usize| line(at).saturating_add(quote_lines(&raised[at].1).saturating_sub(1));
    for bucket in by_rule.into_values() {
        groups.chain(bucket, line, last_line);
    }
    let reach = |at: usize| line(at).saturating_add(NEAR_LINES);
    for bucket in by_quote.into_values().chain(by_cwe.into_values()) {
        groups.chain(bucket, line, reach);
    }

    let mut united: BTreeMap<usize, (Finding, BTreeSet<String>)> = BTreeMap::new();
    for (at, (agent, finding)) in raised.into_iter().enumerate() {
        match united.get_mut(&groups.root(at)) {
            Some((kept, agents)) => {
                agents.insert(agent);
                if order(&finding) < order(kept) {
                    *kept = finding;
                }
            }
            None => {
                united.insert(groups.root(at), (finding, BTreeSet::from([agent])));
            }
        }
    }
    let mut out: Vec<_> = united
        .into_values()
        .map(|(f, agents)| (f, agents.into_iter().collect::<Vec<_>>()))
        .collect();
    out.sort_by(|(a, _), (b, _)| order(a).cmp(&order(b)));
    out
}

/// The total order of findings: worst first, then where, then everything else, so that no tie is left to chance.
#[allow(clippy::type_complexity)]
fn order(f: &Finding) -> (Reverse<Severity>, &str, u32, &str, u32, [&str; 5], Option<u32>) {
    (
        Reverse(f.severity),
        &f.file,
        f.line,
        &f.rule,
        f.end_line,
        [&f.quote, &f.role, &f.title, &f.why, &f.fix],
        f.cwe,
    )
}

/// A quote without what does not count: white space at the ends of lines, and empty lines.
pub(super) fn normal(quote: &str) -> String {
    quote
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

fn quote_lines(finding: &Finding) -> u32 {
    u32::try_from(finding.quote.trim().lines().count()).unwrap_or(u32::MAX)
}

/// Disjoint sets; the root of a set is its smallest member.
struct Groups(Vec<usize>);

impl Groups {
    fn new(len: usize) -> Self {
        Groups((0..len).collect())
    }

    fn root(&mut self, mut at: usize) -> usize {
        while self.0[at] != at {
            self.0[at] = self.0[self.0[at]];
            at = self.0[at];
        }
        at
    }

    /// Joins those whose intervals `[line, end]` touch.
    fn chain(&mut self, mut bucket: Vec<usize>, line: impl Fn(usize) -> u32, end: impl Fn(usize) -> u32) {
        bucket.sort_by_key(|at| line(*at));
        let mut reach: Option<(usize, u32)> = None;
        for at in bucket {
            reach = Some(match reach {
                Some((held, until)) if line(at) <= until => {
                    let (a, b) = (self.root(held), self.root(at));
                    self.0[a.max(b)] = a.min(b);
                    (held, until.max(end(at)))
                }
                _ => (at, end(at)),
            });
        }
    }
}

/// The published severity rule, which decides where no vote over several nodes does: a change with a critical or high
/// finding must be mended first ([`Verdict::RequestChanges`]); any other may land ([`Verdict::Approve`]), with its medium
/// and low findings listed. It never escalates, and it does not look at who raised what.
pub fn verdict_by_severity(findings: &[Finding]) -> Verdict {
    if findings.iter().any(|f| f.severity >= Severity::High) {
        Verdict::RequestChanges
    } else {
        Verdict::Approve
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::finding::tests::finding;

    fn at(rule: &str, line: u32, quote: &str) -> Finding {
        Finding {
            line,
            end_line: line,
            quote: quote.into(),
            ..finding(rule, "x")
        }
    }

    fn rules(united: &[(Finding, Vec<String>)]) -> Vec<(&str, u32, Vec<&str>)> {
        united
            .iter()
            .map(|(f, a)| (f.rule.as_str(), f.line, a.iter().map(String::as_str).collect()))
            .collect()
    }

    #[test]
    fn the_worst_of_the_same_is_kept_with_all_agents() {
        let low = Finding {
            severity: Severity::Low,
            ..at("s/a", 5, "q")
        };
        let high = Finding {
            severity: Severity::High,
            ..at("s/a", 7, "q")
        };
        let got = unite(vec![
            ("b".into(), low.clone()),
            ("a".into(), high.clone()),
            ("b".into(), low),
        ]);
        assert_eq!(got, [(high, vec!["a".to_owned(), "b".to_owned()])]);
    }

    #[test]
    fn different_things_stay_apart() {
        let got = unite(vec![
            ("a".into(), at("s/a", 5, "q")),
            ("a".into(), at("s/b", 5, "q")),
            ("a".into(), at("s/a", 6, "other")),
            ("a".into(), at("s/a", 5 + NEAR_LINES + 1, "q")),
        ]);
        assert_eq!(got.len(), 4, "{:?}", rules(&got));
    }

    #[test]
    fn the_same_weakness_under_two_names_is_one() {
        let cwe = |rule: &str, quote: &str| Finding {
            cwe: Some(89),
            ..at(rule, 5, quote)
        };
        let got = unite(vec![
            ("a".into(), cwe("s/sql", "f( x )")),
            ("m".into(), cwe("model/sql", "  f( x ) ")),
        ]);
        assert_eq!(rules(&got), [("model/sql", 5, vec!["a", "m"])]);
        assert_eq!(
            unite(vec![
                ("a".into(), cwe("s/sql", "x")),
                ("m".into(), cwe("model/sql", "y"))
            ])
            .len(),
            2
        );
    }

    #[test]
    fn a_claim_over_the_whole_file_swallows_nothing() {
        let greedy = Finding {
            end_line: u32::MAX,
            severity: Severity::Critical,
            ..at("s/a", 1, "import os")
        };
        let got = unite(vec![("evil".into(), greedy), ("a".into(), at("s/a", 50, "q"))]);
        assert_eq!(got.len(), 2);
    }

    #[test]
    fn multi_line_quotes_overlap() {
        let got = unite(vec![
            ("a".into(), at("s/a", 5, "x\ny\nz")),
            ("b".into(), at("s/a", 7, "z")),
        ]);
        assert_eq!(got.len(), 1);
    }

    #[test]
    fn the_severity_rule() {
        let with = |severity| {
            [Finding {
                severity,
                ..at("s/a", 1, "q")
            }]
        };
        assert_eq!(verdict_by_severity(&[]), Verdict::Approve);
        assert_eq!(verdict_by_severity(&with(Severity::Low)), Verdict::Approve);
        assert_eq!(verdict_by_severity(&with(Severity::Medium)), Verdict::Approve);
        assert_eq!(verdict_by_severity(&with(Severity::High)), Verdict::RequestChanges);
        assert_eq!(verdict_by_severity(&with(Severity::Critical)), Verdict::RequestChanges);
    }

    fn some_finding() -> impl Strategy<Value = (String, Finding)> {
        let severity = prop_oneof![
            Just(Severity::Low),
            Just(Severity::Medium),
            Just(Severity::High),
            Just(Severity::Critical)
        ];
        (
            "[a-c]",
            "[ab]",
            "[xy]",
            0u32..30,
            0u32..20,
            "[pq]( |\n[pq])?",
            severity,
            prop::option::of(1u32..3),
        )
            .prop_map(|(agent, rule, file, line, more, quote, severity, cwe)| {
                (
                    agent,
                    Finding {
                        line,
                        end_line: line + more,
                        quote,
                        severity,
                        cwe,
                        ..finding(&format!("s/{rule}"), &file)
                    },
                )
            })
    }

    proptest! {
        #[test]
        fn order_of_arrival_does_not_matter(
            (one, two) in prop::collection::vec(some_finding(), 0..25).prop_flat_map(|v| (Just(v.clone()), Just(v).prop_shuffle())),
        ) {
            let united = unite(one.clone());
            prop_assert_eq!(&united, &unite(two));
            let worst = |fs: &mut dyn Iterator<Item = Severity>| fs.max();
            prop_assert_eq!(worst(&mut one.iter().map(|(_, f)| f.severity)), worst(&mut united.iter().map(|(f, _)| f.severity)));
            let again = united.iter().map(|(f, a)| (a[0].clone(), f.clone())).collect();
            prop_assert!(unite(again).len() <= united.len());
        }
    }
}
