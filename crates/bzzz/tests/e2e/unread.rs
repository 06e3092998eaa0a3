//! Changes that hide from the analysers, or that no analyser reads: never approved.

use crate::support::{Place, Ran};

/// A new file as a diff.
fn new_file(path: &str, text: &str) -> String {
    let lines = text.lines().count();
    let body: String = text.lines().map(|l| format!("+{l}\n")).collect();
    format!(
        "diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{lines} @@\n{body}"
    )
}

const FAULTS: &str = "import os\ndef f(q):\n    os.system(\"ls \" + q)\n    return eval(q)\n";

/// A review by the five built-in agents on a node of its own.
fn review(diff: &str, extra: &[&str]) -> Ran {
    let place = Place::new();
    let diff = place.file("x.diff", diff);
    let data = place.path("data").to_string_lossy().into_owned();
    let format: &[&str] = if extra.contains(&"--format") {
        &[]
    } else {
        &["--format", "json"]
    };
    let args = ["review", &diff, "--data", &data, "--deadline", "20"];
    place.run(&[&args[..], format, extra].concat())
}

#[test]
fn a_padded_file_is_not_approved() {
    let long_line = format!("# {}\n{FAULTS}", "x".repeat(20_001));
    let ran = review(&new_file("x.py", &long_line), &[]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(ran.json()["verdict"], "request_changes");

    let large = format!("{FAULTS}{}", "# padding, and more of it\n".repeat(45_000));
    let ran = review(&new_file("x.py", &large), &[]);
    let report = ran.json();
    assert_eq!(ran.code, Some(3), "{report:#}");
    assert_eq!(report["verdict"], "escalated");
    assert_eq!(report["unread"][0]["file"], "x.py");
    let note = report["notes"][0].as_str().expect("a note");
    assert!(
        note.starts_with("Not read by anybody: x.py (larger than 1 MiB"),
        "{note}"
    );
    let messages = report["messages"].as_array().expect("messages");
    let told = |m: &&serde_json::Value| {
        m["text"]
            .as_str()
            .is_some_and(|t| t.starts_with("I do not approve what I have not read: x.py"))
    };
    assert_eq!(messages.iter().filter(told).count(), 5, "{messages:#?}");
}

#[test]
fn what_nobody_reads_goes_to_a_person_alone_and_is_named_beside_code() {
    let go = new_file("main.go", "package main\n");
    let ran = review(&go, &[]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    // Nobody is split over what nobody could read, and neither answer is pushed.
    let asked = &ran.json()["escalation"];
    assert_eq!(asked["reason"], "abstained", "{asked:#}");
    let question = asked["question"].as_str().unwrap_or_default();
    assert!(question.starts_with("nobody could read the whole change"), "{question}");
    assert_eq!(asked["options"], serde_json::json!(["approve", "request changes"]));
    for format in ["text", "markdown", "html"] {
        let text = review(&go, &["--format", format]).out.clone();
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("nobody could read the whole change"), "{format}: {text}");
        assert!(!words.contains("split"), "{format}: {text}");
        let id = words
            .split("escalations answer ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        let id = id.expect("a command that answers");
        for option in ["approve", "request_changes"] {
            assert!(
                words.contains(&format!("bzzz escalations answer {id} {option}")),
                "{format}: {text}"
            );
        }
    }
    let both = go
        + &new_file(
            "x.py",
            "def f(q: str) -> str:\n    \"\"\"Gives it back.\"\"\"\n    return q\n",
        );
    let ran = review(&both, &[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.json()["unread"][0]["file"], "main.go");
    assert_eq!(review(&both, &["--fail-on", "high,unread"]).code, Some(1));
    let renamed = "diff --git a/a.go b/b.go\nsimilarity index 100%\nrename from a.go\nrename to b.go\n";
    let ran = review(renamed, &["--fail-on", "unread"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[test]
fn an_older_question_is_one_line_beside_a_later_review() {
    let place = Place::new();
    let diff = place.file("go.diff", new_file("main.go", "package main\n"));
    let review = |progress: &str| {
        let ran = place.run(&[
            "review",
            &diff,
            "--data",
            "data",
            "--deadline",
            "20",
            "--progress",
            progress,
        ]);
        assert_eq!(ran.code, Some(3), "{ran:?}");
        ran
    };
    let lines = |ran: &Ran| -> Vec<String> {
        let asked = |line: &&str| line.contains("older question") || line.contains("WARN");
        ran.err.lines().filter(asked).map(str::to_owned).collect()
    };
    assert!(lines(&review("plain")).is_empty());
    // The second hears of the first one's, the third of both.
    let second = lines(&review("plain"));
    assert!(
        matches!(&second[..], [line] if line.contains("1 older question waits")),
        "{second:?}"
    );
    let third = review("none");
    assert_eq!(third.err, "", "{third:?}");
    let fourth = lines(&review("plain"));
    assert!(
        matches!(&fourth[..], [line] if line.contains("3 older questions wait") && line.contains("`bzzz escalations list`")),
        "{fourth:?}"
    );
    // A stopped folder does not know who has answered, and does not say that nobody may.
    let listed = place.run(&["escalations", "list", "--data", "data"]).ok().out.clone();
    assert!(
        listed.contains("too many abstained") && !listed.contains("0 of"),
        "{listed}"
    );
}
