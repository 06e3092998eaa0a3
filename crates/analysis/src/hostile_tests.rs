//! Input that is made to hang, crash or mislead the analysers.

use std::time::{Duration, Instant};

use bzzz_core::change::ChangeSet;
use proptest::prelude::*;

use crate::{Analysis, analyse, roles};

/// Far above what any of this takes when no step is quadratic, also without optimisation on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

fn all_roles(diff: &[u8]) -> Vec<Analysis> {
    let set = ChangeSet::from_diff("hostile", diff);
    roles()
        .iter()
        .map(|role| {
            let begin = Instant::now();
            let analysis = analyse(role, &set);
            assert!(begin.elapsed() < DEADLINE, "{role} took {:?}", begin.elapsed());
            analysis
        })
        .collect()
}

fn new_file(path: &str, text: &str) -> Vec<u8> {
    let lines = text.lines().count();
    let body: String = text.lines().map(|l| format!("+{l}\n")).collect();
    format!("--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{lines} @@\n{body}").into_bytes()
}

#[test]
fn long_repetitive_files_stay_linear() {
    let files = [
        (
            "a.py",
            "def f(rows):\n    seen = []\n    q = ''\n    for row in rows:\n        pass\n",
            "        x = row in seen; seen.append(q); q += f'{q}'; cur.execute(q); open(q).read()\n",
        ),
        (
            "b.py",
            "",
            "a = a + a % a; token = hashlib.md5(token); assert a == None; b = a if a else os.environ['AAAA']\n",
        ),
        (
            "a.js",
            "function f(xs) {\n",
            "  x = x + `${x}` + x; y.innerHTML = x; if (x == y) { z = xs.includes(x) } console.log(process.env.AAA);\n",
        ),
        (
            "a.rs",
            "fn f() {\n",
            "    let a = format!(\"{a}\"); let _ = a.write(b); c.query(&a).parse().unwrap(); if a == a {} #[ignore]\n",
        ),
        ("b.rs", "", "pub fn f(a: u8) { g(a) }\n#[test]\nfn t() {}\n"),
    ];
    for (path, head, line) in files {
        let text = format!("{head}{}", line.repeat(2000));
        // The same in one line, as minified code has it.
        let flat = format!("{head}{}\n", line.trim_end().repeat(2000));
        for analysis in [text, flat].iter().flat_map(|t| all_roles(&new_file(path, t))) {
            assert!(analysis.findings.len() <= 20 * crate::MAX_FINDINGS_PER_RULE);
        }
    }
}

#[test]
fn endless_lines_are_told_and_not_read() {
    let long = "x = \"".to_owned() + &"a".repeat(10 * 1024 * 1024) + "\"";
    for analysis in all_roles(&new_file("a.py", &long)) {
        assert!(analysis.findings.is_empty());
        assert!(
            analysis
                .skipped
                .iter()
                .any(|s| s.file == "a.py" && s.why.contains("1 MiB")),
            "{:?}",
            analysis.skipped
        );
    }
}

#[test]
fn deep_nesting_is_told_and_not_read() {
    let deep = "f(\n".repeat(20_000);
    for path in ["a.py", "a.rs", "a.ts", "a.jsx"] {
        for analysis in all_roles(&new_file(path, &deep)) {
            assert!(analysis.findings.is_empty());
        }
    }
}

#[test]
fn what_is_no_diff_is_told() {
    let analysis = analyse("security", &ChangeSet::from_diff("x", b"hello"));
    assert!(analysis.findings.is_empty());
    assert!(
        analysis.skipped[0].why.contains("no unified diff"),
        "{:?}",
        analysis.skipped
    );
    let nobody = analyse("no such role", &ChangeSet::from_diff("x", &new_file("a.py", "eval(x)")));
    assert!(nobody.findings.is_empty() && nobody.reading.falls_short);
}

#[test]
fn a_secret_beside_another_fault_is_masked() {
    let token = format!("ghp_{}", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8");
    let text = format!(
        "import requests\nr = requests.get(url, headers={{'x': '{token}'}}, verify=False)\nprint('DEBUG', '{token}')\n"
    );
    let mut count = 0;
    for analysis in all_roles(&new_file("a.py", &text)) {
        for finding in &analysis.findings {
            assert!(!format!("{finding:?}").contains("a1B2c3D4"), "{finding:?}");
            count += 1;
        }
    }
    assert!(count >= 4, "{count}");
}

#[test]
fn control_characters_do_not_reach_a_finding() {
    let text = "x = eval(\u{1b}[31m y)\n# TODO \u{7}bell\n";
    for analysis in all_roles(&new_file("a.py", text)) {
        for finding in analysis.findings {
            finding.validate().unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_text_is_survived(
        text in "([a-z(){}\\[\\]:;,.'\"`$=+ \n\t#/*@!<>&|é-]{0,80}|def f\\(x\\):\n|pub fn f\\(\\) \\{\n|export |return |class |await |f\"\\{x\\}\"){0,40}",
        path in prop_oneof![Just("a.py"), Just("a.rs"), Just("a.ts"), Just("a.jsx"), Just("a.md"), Just("requirements.txt")],
    ) {
        if !text.trim().is_empty() {
            let set = ChangeSet::from_diff("any", &new_file(path, &text));
            let change = set.change().unwrap();
            for role in roles() {
                for finding in analyse(role, &set).findings {
                    prop_assert!(finding.validate().is_ok(), "{:?}", finding);
                    prop_assert!(finding.quote_stands(&change, &set.files).is_ok(), "{:?}", finding);
                }
            }
        }
    }
}
