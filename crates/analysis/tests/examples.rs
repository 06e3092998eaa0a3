//! The diffs in `examples/` as a reader would review them: what is said about each, role by role.

use bzzz_core::change::ChangeSet;
use bzzz_core::finding::verdict_by_severity;
use bzzz_core::report::Verdict;

fn load(name: &str) -> ChangeSet {
    let path = format!("{}/../../examples/{name}", env!("CARGO_MANIFEST_DIR"));
    ChangeSet::from_diff(
        name,
        &std::fs::read(path).expect("the example is part of the repository"),
    )
}

fn listing(set: &ChangeSet) -> String {
    let change = set.change().expect("a diff");
    let mut out = String::new();
    for role in bzzz_analysis::roles() {
        let analysis = bzzz_analysis::analyse(role, set);
        out += &format!("== {role}\n");
        for f in &analysis.findings {
            f.quote_stands(&change, &set.files).expect("every quote stands");
            let severity = format!("{:?}", f.severity).to_lowercase();
            let first = f.quote.lines().next().unwrap_or_default();
            out += &format!(
                "{severity:8} {:34} {}:{}\n         {}\n         | {first}\n",
                f.rule, f.file, f.line, f.title
            );
        }
        for s in &analysis.skipped {
            out += &format!("skipped  {} {}\n", s.file, s.why);
        }
    }
    out
}

#[test]
fn the_payment_service() {
    let set = load("payment-service.diff");
    insta::assert_snapshot!(listing(&set));
    let all: Vec<_> = bzzz_analysis::roles()
        .iter()
        .flat_map(|r| bzzz_analysis::analyse(r, &set).findings)
        .collect();
    assert_eq!(verdict_by_severity(&all), Verdict::RequestChanges);
}

#[test]
fn the_clean_refactoring_is_approved() {
    let set = load("clean-refactor.diff");
    insta::assert_snapshot!(listing(&set));
    let all: Vec<_> = bzzz_analysis::roles()
        .iter()
        .flat_map(|r| bzzz_analysis::analyse(r, &set).findings)
        .collect();
    assert_eq!(verdict_by_severity(&all), Verdict::Approve);
    assert_eq!(all, []);
}
