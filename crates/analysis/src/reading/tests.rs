//! Which changes each role vouches for, and which nobody does.

use bzzz_core::change::ChangeSet;

use crate::{analyse, coverage, roles};

fn new_file(path: &str, text: &str) -> String {
    let lines = text.lines().count();
    let body: String = text.lines().map(|l| format!("+{l}\n")).collect();
    format!(
        "diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{lines} @@\n{body}"
    )
}

fn set(diff: &str) -> ChangeSet {
    ChangeSet::from_diff("x", diff.as_bytes())
}

/// Roles that do not vouch for a change.
fn short(diff: &str) -> Vec<&'static str> {
    let set = set(diff);
    let falls = |role: &&&str| analyse(role, &set).reading.falls_short;
    roles().iter().filter(falls).copied().collect()
}

fn unread(diff: &str) -> Vec<String> {
    coverage(&set(diff)).unread.into_iter().map(|u| u.file).collect()
}

const PY: &str = "import os\ndef f(q):\n    os.system(\"ls \" + q)\n    return eval(q)\n";

#[test]
fn ordinary_changes_are_read_by_all() {
    for (path, text) in [
        ("x.rs", "fn f() {}\n"),
        ("x.py", "def f():\n    pass\n"),
        ("x.ts", "export const a = 1;\n"),
        ("web/x.tsx", "export const a = <b>1</b>;\n"),
        ("README.md", "# Title\n"),
        ("LICENSE", "do what you like\n"),
        ("docs/x.rst", "Title\n"),
    ] {
        let diff = new_file(path, text);
        assert_eq!(short(&diff), [""; 0], "{path}");
        assert_eq!(unread(&diff), [""; 0], "{path}");
    }
    let renamed = "diff --git a/a.go b/b.go\nsimilarity index 100%\nrename from a.go\nrename to b.go\n";
    let deleted =
        "diff --git a/c.go b/c.go\ndeleted file mode 100644\n--- a/c.go\n+++ /dev/null\n@@ -1 +0,0 @@\n-package a\n";
    let empty = "diff --git a/a/__init__.py b/a/__init__.py\nnew file mode 100644\nindex 0000000..e69de29\n";
    for diff in [renamed, deleted, empty, &format!("{renamed}{deleted}")] {
        assert_eq!((short(diff), unread(diff).len()), (vec![], 0), "{diff}");
    }
}

#[test]
fn what_nobody_reads_is_approved_by_nobody() {
    for path in [
        "main.go",
        "src/A.java",
        "Dockerfile",
        "Makefile",
        "run.sh",
        "index.html",
        ".github/workflows/ci.yml",
        "deploy/.gitlab-ci.yml",
        "CMakeLists.txt",
        "vendor/x.py",
        "x.min.js",
    ] {
        let diff = new_file(path, "a\n");
        assert_eq!(short(&diff), roles(), "{path}");
        assert_eq!(unread(&diff), [path]);
    }
    let binary = "diff --git a/x.png b/x.png\nindex 1..2 100644\nBinary files a/x.png and b/x.png differ\n";
    assert_eq!(short(binary), roles());
}

#[test]
fn settings_are_vouched_for_by_those_who_look_at_them() {
    let settings = new_file("a.toml", "[a]\nb = 1\n");
    assert_eq!(short(&settings), ["security", "reviewer", "performance", "architect"]);
    let manifest = new_file("requirements.txt", "flask==3.0.0\n");
    assert_eq!(short(&manifest), ["security", "reviewer", "performance"]);
    for diff in [&settings, &manifest] {
        let coverage = coverage(&set(diff));
        assert_eq!((coverage.unread.len(), coverage.partly.len()), (0, 1));
    }
}

#[test]
fn what_stands_beside_code_does_not_hold_it_up() {
    let code = new_file("x.py", "def f():\n    pass\n");
    for path in ["main.go", "Dockerfile", ".github/workflows/ci.yml", "a.toml"] {
        assert_eq!(short(&(code.clone() + &new_file(path, "a\n"))), [""; 0], "{path}");
    }
    let both = code.clone() + &new_file("main.go", "package a\n");
    assert_eq!(unread(&both), ["main.go"]);
    assert_eq!(analyse("security", &set(&both)).reading.unread[0].file, "main.go");
    // A file that they are there to read, and did not, does.
    for diff in [
        new_file("dist/y.js", "eval(x)\n"),
        "diff --git a/y.py b/y.py\nindex 1..2 100644\nBinary files a/y.py and b/y.py differ\n".to_owned(),
        new_file("y.py", &"f(\n".repeat(2_000)),
    ] {
        assert_eq!(short(&(code.clone() + &diff)), roles());
    }
}

#[test]
fn padding_hides_nothing() {
    let found = |diff: &str| analyse("security", &set(diff)).findings.len();
    let plain = found(&new_file("x.py", PY));
    assert!(plain >= 2);
    for pad in [
        "# ".to_owned() + &"x".repeat(20_001),
        format!("a = \"{}\"", "x".repeat(300_000)),
    ] {
        for text in [format!("{pad}\n{PY}"), format!("{PY}{pad}\n")] {
            let diff = new_file("x.py", &text);
            assert_eq!(found(&diff), plain);
            assert_eq!((short(&diff), unread(&diff).len()), (vec![], 0));
        }
    }
    // The faults may also stand in the long line itself.
    let inside = new_file("x.py", &format!("{}; x = eval(q)\n", "a = 1; ".repeat(4_000)));
    assert_eq!(found(&inside), 1);
    let large = new_file("x.py", &format!("{PY}{}", "# padding, and more of it\n".repeat(45_000)));
    assert_eq!(
        (short(&large), unread(&large)),
        (roles().to_vec(), vec!["x.py".to_owned()])
    );
}

#[test]
fn a_text_that_is_no_code_is_unread() {
    let garbage = new_file("x.rs", &"@@ )) %% ?? }} ((\n".repeat(50));
    assert_eq!(short(&garbage), roles());
}

#[test]
fn a_role_without_rules_vouches_for_nothing() {
    assert!(analyse("sommelier", &set(&new_file("x.py", PY))).reading.falls_short);
    assert!(analyse("security", &set("no diff")).reading.falls_short);
}
