//! Rules that look at more than one file, and what is reported with whole files and with hunks alone.

use bzzz_core::change::ChangeSet;
use bzzz_core::finding::Finding;

/// A diff of files as (path, before, after), each with one hunk over everything; an empty side is no file.
fn diff(files: &[(&str, &str, &str)]) -> String {
    let mut out = String::new();
    for (path, before, after) in files {
        let side = |mark: &str, text: &str| {
            if text.is_empty() {
                "/dev/null".to_owned()
            } else {
                format!("{mark}/{path}")
            }
        };
        let range = |text: &str| format!("{},{}", u32::from(!text.is_empty()), text.lines().count());
        out += &format!(
            "--- {}\n+++ {}\n@@ -{} +{} @@\n",
            side("a", before),
            side("b", after),
            range(before),
            range(after)
        );
        before.lines().for_each(|l| out += &format!("-{l}\n"));
        after.lines().for_each(|l| out += &format!("+{l}\n"));
    }
    out
}

fn check(rule: &str, files: &[(&str, &str, &str)], want: &[(&str, u32)]) -> Vec<Finding> {
    let set = ChangeSet::from_diff("x", diff(files).as_bytes());
    let role = rule.split_once('/').map(|(role, _)| role).unwrap();
    let found: Vec<Finding> = bzzz_analysis::analyse(role, &set)
        .findings
        .into_iter()
        .filter(|f| f.rule == rule)
        .collect();
    let places: Vec<(&str, u32)> = found.iter().map(|f| (f.file.as_str(), f.line)).collect();
    assert_eq!(places, want, "{rule}");
    found
}

#[test]
fn import_circles() {
    let rule = "architect/import-cycle";
    let a = ("pay/a.py", "", "from .b import charge\n");
    let found = check(
        rule,
        &[a, ("pay/b.py", "", "import os\nfrom .a import refund\n")],
        &[("pay/a.py", 1)],
    );
    assert!(
        found[0].why.contains("pay/a.py -> pay/b.py -> pay/a.py"),
        "{}",
        found[0].why
    );
    check(
        rule,
        &[a, ("pay/b.py", "", "def f():\n    from .a import refund\n")],
        &[],
    );
    check(
        rule,
        &[
            ("src/a.ts", "", "import { b } from './lib/b';\n"),
            ("src/lib/b.ts", "", "export { a } from '../a.js';\n"),
        ],
        &[("src/a.ts", 1)],
    );
    check(
        rule,
        &[
            ("src/a.ts", "", "import { b } from './b';\n"),
            ("src/b.ts", "", "import type { A } from './a';\n"),
        ],
        &[],
    );
}

#[test]
fn moved_items_are_not_removed() {
    let rule = "architect/public-item-removed";
    let old = ("src/a.rs", "pub fn pay() {}\npub fn keep() {}\n", "pub fn keep() {}\n");
    check(rule, &[old], &[("src/a.rs", 1)]);
    check(rule, &[old, ("src/b.rs", "", "/// Pays.\npub fn pay() {}\n")], &[]);
    check(
        rule,
        &[old, ("src/lib.rs", "mod a;\n", "mod a;\npub use other::pay;\n")],
        &[],
    );
}

#[test]
fn moved_tests_are_not_deleted() {
    let rule = "reviewer/deleted-test";
    let old = (
        "tests/test_a.py",
        "def test_a():\n    pass\ndef test_b():\n    pass\n",
        "def test_a():\n    pass\n",
    );
    check(rule, &[old], &[("tests/test_a.py", 3)]);
    check(rule, &[old, ("tests/test_c.py", "", "def test_b():\n    pass\n")], &[]);
}

#[test]
fn an_announced_break_is_fine() {
    let rule = "documentation/unannounced-break";
    let old = ("src/a.rs", "pub fn pay() {}\npub fn keep() {}\n", "pub fn keep() {}\n");
    check(rule, &[old], &[("src/a.rs", 1)]);
    check(
        rule,
        &[old, ("CHANGELOG.md", "# Changes\n", "# Changes\n\n`pay` is gone.\n")],
        &[],
    );
}

#[test]
fn links_to_files_that_go() {
    let rule = "documentation/broken-link";
    let gone = ("docs/old.md", "# Old\n", "");
    check(
        rule,
        &[gone, ("docs/a.md", "x\n", "x\nSee [old](old.md#part).\n")],
        &[("docs/a.md", 2)],
    );
    check(
        rule,
        &[
            gone,
            (
                "README.md",
                "x\n",
                "x\nSee [old](docs/old.md) and [new](docs/new.md).\n",
            ),
        ],
        &[("README.md", 2)],
    );
    check(rule, &[("docs/a.md", "x\n", "x\nSee [old](old.md).\n")], &[]);
}

#[test]
fn settings_described_elsewhere_are_fine() {
    let rule = "documentation/undocumented-setting";
    let code = ("app/config.py", "", "import os\nURL = os.environ[\"PAYMENT_URL\"]\n");
    check(rule, &[code], &[("app/config.py", 2)]);
    check(
        rule,
        &[code, (".env.example", "", "PAYMENT_URL=https://example.org\n")],
        &[],
    );
}

#[test]
fn copies_across_files_name_the_original() {
    let body: String = (0..9).map(|n| format!("    step_{n} = compute(step)\n")).collect();
    let files = [
        ("a.py", "", format!("def f():\n{body}")),
        ("b.py", "", format!("def g():\n{body}")),
    ];
    let files: Vec<(&str, &str, &str)> = files.iter().map(|(p, b, a)| (*p, *b, a.as_str())).collect();
    let found = check("architect/duplicated-block", &files, &[("b.py", 2)]);
    assert!(found[0].title.contains("a.py:2"), "{}", found[0].title);
    assert_eq!(found[0].end_line, 10);
}

#[test]
fn only_functions_that_cross_the_limit_are_reported() {
    let function = |n: usize| {
        format!(
            "def f(a):\n{}    return a\n",
            (0..n)
                .map(|i| format!("    if a == {i}:\n        a = g(a)\n"))
                .collect::<String>()
        )
    };
    let analyse = |before: &str, after: &str| {
        let mut set = ChangeSet::from_diff("x", diff(&[("a.py", before, after)]).as_bytes());
        set.files.insert("a.py".into(), after.into());
        set.old_files.insert("a.py".into(), before.into());
        let found = bzzz_analysis::analyse("architect", &set).findings;
        found.iter().filter(|f| f.rule == "architect/complex-function").count()
    };
    assert_eq!(analyse(&function(14), &function(16)), 1);
    assert_eq!(analyse(&function(16), &function(17)), 0);
    assert_eq!(analyse(&function(10), &function(12)), 0);
}
