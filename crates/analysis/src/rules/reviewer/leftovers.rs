//! What was meant for the work bench and not for the branch: debug output, switched-off tests, conflict markers.

use std::collections::BTreeSet;

use bzzz_core::finding::Severity;

use crate::code;
use crate::files::{Changed, File};
use crate::lang::{self, Lang};
use crate::rule::{Check, Rule, RuleInfo, Sink, edit, new, shown};
use crate::tree::{Doc, Node};

pub(super) const RULES: &[Rule] = &[
    Rule {
        info: RuleInfo {
            id: "reviewer/debug-leftover",
            role: "reviewer",
            severity: Severity::Low,
            languages: lang::ALL,
            title: "Debug code is left in",
            why: "It clutters the output, may print what should stay inside, and a breakpoint stops the process.",
            fix: "Delete it, or use the logger at debug level.",
            cwe: Some(489),
        },
        check: Check::Doc(debug),
        bad: &[
            new("src/a.rs", "fn f(x: u8) -> u8 {\n    dbg!(x) <<<\n}\n"),
            new(
                "a.py",
                "def f(x):\n    breakpoint() <<<\n    import pdb; pdb.set_trace() <<<\n    return x\n",
            ),
            new("a.py", "def f(x):\n    print('DEBUG', x) <<<\n"),
            new(
                "a.js",
                "function f(x) {\n  debugger; <<<\n  console.log('x', x); <<<\n}\n",
            ),
        ],
        good: &[
            new("src/a.rs", "fn f(x: u8) -> u8 {\n    tracing::debug!(x);\n    x\n}\n"),
            new("a.py", "def f(x):\n    log.debug('x %s', x)\n    print('Done.')\n"),
            new("scripts/a.js", "console.log('built');\n"),
            new("a.js", "console.error('failed');\nlogger.log('x');\n"),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "reviewer/disabled-test",
            role: "reviewer",
            severity: Severity::Medium,
            languages: lang::ALL,
            title: "A test is switched off",
            why: "It no longer guards what it was written for, and nobody is reminded of it.",
            fix: "Mend the test or the code; if it must wait, name the issue in the reason of the skip.",
            cwe: None,
        },
        check: Check::Doc(disabled),
        bad: &[
            new(
                "tests/test_a.py",
                "import pytest\n@pytest.mark.skip <<<\ndef test_pay():\n    pass\n",
            ),
            new(
                "a.test.ts",
                "describe('pay', () => {\n  it.skip('refunds', () => {}); <<<\n  it.only('pays', () => {}); <<<\n});\n",
            ),
            new("src/a.rs", "#[test]\n#[ignore] <<<\nfn pays() {}\n"),
        ],
        good: &[
            new(
                "tests/test_a.py",
                "import pytest\n@pytest.mark.skipif(sys.platform == 'win32', reason='posix only')\ndef test_pay():\n    pass\n",
            ),
            new("a.test.ts", "it('skips what is paid', () => { list.skip(1); });\n"),
            new(
                "src/a.rs",
                "#[test]\n#[ignore = \"needs a database, see #12\"]\nfn pays() {}\n",
            ),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "reviewer/deleted-test",
            role: "reviewer",
            severity: Severity::Medium,
            languages: lang::ALL,
            title: "A test is deleted and its subject stays",
            why: "What it guarded is changed in the same request: a test that stood in the way may have been right.",
            fix: "Keep the test and adapt it, or say in the description why its behaviour is no longer wanted.",
            cwe: None,
        },
        check: Check::Change(deleted),
        bad: &[
            edit(
                "tests/test_a.py",
                "def test_pay():\n    assert pay(1) == 1\n\ndef test_refund():\n    assert refund(1) == 1\n",
                "def test_pay():\n    assert pay(1) == 1\n",
            ),
            edit(
                "src/a.rs",
                "#[test]\nfn pays() {\n    assert!(pay());\n}\n\n#[test]\nfn refunds() {\n    assert!(refund());\n}\n",
                "#[test]\nfn pays() {\n    assert!(pay());\n}\n",
            ),
            edit(
                "a.test.js",
                "it('pays', () => {\n  pay();\n});\nit('refunds', () => {\n  refund();\n});\n",
                "it('pays', () => {\n  pay();\n});\n",
            ),
        ],
        good: &[
            edit(
                "tests/test_a.py",
                "def test_pay():\n    assert pay(1) == 1\n",
                "def test_payment():\n    assert pay(1) == 1\n",
            ),
            edit(
                "tests/test_a.py",
                "def test_pay():\n    assert pay(1) == 1\n",
                "def test_pay():\n    assert pay(2) == 2\n",
            ),
            edit(
                "src/a.rs",
                "fn helper() {}\n\n#[test]\nfn pays() {}\n",
                "#[test]\nfn pays() {}\n",
            ),
        ],
    },
    Rule {
        info: RuleInfo {
            id: "reviewer/conflict-marker",
            role: "reviewer",
            severity: Severity::High,
            languages: lang::ANY_TEXT,
            title: "A merge conflict is left in the file",
            why: "The file holds both versions and the markers: it does not compile, or worse, is read as data.",
            fix: "Settle the conflict and delete the markers.",
            cwe: None,
        },
        check: Check::File(conflict),
        bad: &[new("a.cfg", "<<<<<<< HEAD\na = 1\n=======\na = 2\n>>>>>>> feature\n")],
        good: &[new(
            "a.md",
            "Title\n=======\n\n> > > quoted\n`<<<<<<< HEAD` is the marker.\n",
        )],
    },
];

fn debug(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    if file.is_test {
        return;
    }
    for (name, node) in code::macros(doc) {
        if matches!(name, "dbg" | "std::dbg") && !code::in_test_code(node) {
            sink.node_as(file, node, |f| f.title = "`dbg!` is left in".to_owned());
        }
    }
    for node in doc.all(&["debugger_statement"]) {
        sink.node_as(file, node, |f| f.severity = Severity::Medium);
    }
    for call in code::calls(doc) {
        let said = call
            .args
            .first()
            .and_then(|a| code::string_value(*a))
            .unwrap_or_default()
            .to_ascii_lowercase();
        let marked = ["debug", "here", "xxx", ">>>", "!!!", "test123", "asdf"]
            .iter()
            .any(|m| said.starts_with(m));
        match (doc.lang, call.path.as_str()) {
            (Lang::Python, "breakpoint" | "pdb.set_trace" | "ipdb.set_trace") => {
                sink.node_as(file, call.node, |f| f.severity = Severity::Medium)
            }
            (Lang::Python, "print") if marked => sink.node(file, call.node),
            (_, "console.log" | "console.debug" | "console.dir" | "console.table") if !file.is_script => {
                sink.node(file, call.node)
            }
            _ => {}
        }
    }
}

fn disabled(doc: &Doc, file: &File<'_>, sink: &mut Sink<'_>) {
    for node in doc.all(&["decorator"]) {
        let text = node.short_text(300);
        if text.starts_with("@pytest.mark.skip") && !text.starts_with("@pytest.mark.skipif")
            || text.starts_with("@unittest.skip")
                && !text.starts_with("@unittest.skipI")
                && !text.starts_with("@unittest.skipU")
        {
            sink.node(file, node);
        }
    }
    for node in doc.all(&["attribute_item"]) {
        if node.short_text(40) == "#[ignore]" {
            sink.node(file, node);
        }
    }
    if !doc.lang.is_js() || !file.is_test {
        return;
    }
    for call in code::calls(doc) {
        if call.path_is(&["it.skip", "test.skip", "describe.skip", "xit", "xdescribe", "xtest"]) {
            sink.node(file, call.node);
        }
        if call.path_is(&["it.only", "test.only", "describe.only", "fit", "fdescribe"]) {
            sink.node_as(file, call.node, |f| {
                f.title = "Only one test is left on".to_owned();
                f.why = "`only` switches all other tests of the run off, and the run still passes.".to_owned();
            });
        }
    }
}

/// The tests of a text by name, each with the node that starts it.
fn tests<'d>(doc: &'d Doc, in_test_file: bool) -> Vec<(&'d str, Node<'d>)> {
    match doc.lang {
        Lang::Python if in_test_file => doc
            .all(&["function_definition"])
            .filter_map(|f| Some((f.field("name")?.text(), f)))
            .filter(|(n, _)| n.starts_with("test"))
            .collect(),
        Lang::Rust => doc
            .all(&["function_item"])
            .filter(|f| code::attributes(*f).any(|a| a.short_text(80).trim_end_matches(']').ends_with("test")))
            .filter_map(|f| Some((f.field("name")?.text(), f)))
            .collect(),
        lang if lang.is_js() && in_test_file => code::calls(doc)
            .filter(|c| c.path_is(&["it", "test"]))
            .filter_map(|c| Some((code::string_value(*c.args.first()?)?, c.node)))
            .collect(),
        _ => Vec::new(),
    }
}

fn deleted(changed: &Changed<'_>, sink: &mut Sink<'_>) {
    // A test that moved to another file, or got another name there, is not deleted.
    let now: BTreeSet<&str> = changed
        .files
        .iter()
        .flat_map(|f| f.docs.iter().flat_map(|d| tests(d, f.is_test)))
        .map(|(n, _)| n)
        .collect();
    for file in &changed.files {
        // A new test where one went is taken for the same under another name.
        let before: BTreeSet<&str> = file
            .old_docs
            .iter()
            .flat_map(|d| tests(d, file.is_test))
            .map(|(n, _)| n)
            .collect();
        let mut renamed = file
            .docs
            .iter()
            .flat_map(|d| tests(d, file.is_test))
            .filter(|(name, n)| !before.contains(name) && file.adds(n.line(), n.line()))
            .count();
        // With the file itself gone its subject is gone as well, as a rule.
        if file.diff.new_path.is_none() {
            continue;
        }
        for (name, node) in file.old_docs.iter().flat_map(|d| tests(d, file.is_test)) {
            if now.contains(name) || !file.removed.contains_key(&node.line()) || !node.is_real() {
                continue;
            }
            if renamed > 0 {
                renamed -= 1;
                continue;
            }
            sink.removed(file, node.line(), |f| {
                f.title = format!("Test `{}` is deleted", shown(name))
            });
        }
    }
}

fn conflict(file: &File<'_>, sink: &mut Sink<'_>) {
    for (number, line) in file.added_lines() {
        if line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ") {
            sink.lines(file, number, number, |_| {});
        }
    }
}
