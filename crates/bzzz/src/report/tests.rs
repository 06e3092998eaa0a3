//! Snapshots of every rendering, and what must hold in each of them whatever the report says.

use bzzz_core::finding::Severity;
use bzzz_core::reading::{Unread, named};
use bzzz_core::report::{Report, Verdict};
use insta::assert_snapshot;

use super::{FailOn, Format, exit, fixtures, render};
use crate::cli::exit::Exit;
use crate::term::clean::is_hidden;
use crate::term::wrap::width;
use crate::term::{Paint, Screen};

fn draw(report: &Report, format: Format, columns: usize) -> String {
    render(report, format, Screen::plain(columns)).expect("a rendering")
}

#[test]
fn text() {
    assert_snapshot!("text_rich_80", draw(&fixtures::rich(), Format::Text, 80));
    assert_snapshot!("text_rich_40", draw(&fixtures::rich(), Format::Text, 40));
    assert_snapshot!("text_empty", draw(&fixtures::empty(), Format::Text, 80));
    assert_snapshot!("text_hostile", draw(&fixtures::hostile(), Format::Text, 80));
    assert_snapshot!("text_escalated_40", draw(&fixtures::escalated(), Format::Text, 40));
}

#[test]
fn markdown() {
    assert_snapshot!("markdown_rich", draw(&fixtures::rich(), Format::Markdown, 80));
    assert_snapshot!("markdown_empty", draw(&fixtures::empty(), Format::Markdown, 80));
    assert_snapshot!("markdown_hostile", draw(&fixtures::hostile(), Format::Markdown, 80));
}

#[test]
fn json_sarif_html() {
    assert_snapshot!("json_rich", draw(&fixtures::rich(), Format::Json, 80));
    assert_snapshot!("json_empty", draw(&fixtures::empty(), Format::Json, 80));
    assert_snapshot!("json_hostile", draw(&fixtures::hostile(), Format::Json, 80));
    assert_snapshot!("sarif_rich", draw(&fixtures::rich(), Format::Sarif, 80));
    assert_snapshot!("sarif_empty", draw(&fixtures::empty(), Format::Sarif, 80));
    assert_snapshot!("sarif_hostile", draw(&fixtures::hostile(), Format::Sarif, 80));
    assert_snapshot!("html_rich", draw(&fixtures::rich(), Format::Html, 80));
    assert_snapshot!("html_empty", draw(&fixtures::empty(), Format::Html, 80));
    assert_snapshot!("html_hostile", draw(&fixtures::hostile(), Format::Html, 80));
}

#[test]
fn no_rendering_carries_an_active_character() {
    for format in [
        Format::Text,
        Format::Markdown,
        Format::Json,
        Format::Sarif,
        Format::Html,
    ] {
        for c in draw(&fixtures::hostile(), format, 80).chars() {
            assert!(
                c == '\n' || !(c.is_control() || is_hidden(c)),
                "{format:?} lets U+{:04X} through",
                c as u32
            );
        }
    }
}

#[test]
fn colours_are_the_only_escapes() {
    let screen = Screen {
        paint: Paint { on: true },
        ..Screen::plain(80)
    };
    let text = render(&fixtures::hostile(), Format::Text, screen).expect("a rendering");
    assert!(text.contains('\u{1b}'));
    for part in text.split('\u{1b}').skip(1) {
        let code = part
            .strip_prefix('[')
            .and_then(|part| part.split_once('m'))
            .map(|(code, _)| code);
        assert!(
            matches!(code, Some("0" | "1" | "2" | "31" | "32" | "33" | "36" | "1;31")),
            "{part:?}"
        );
    }
}

/// Whether a line is a command or a path with spaces, or wide only because of its last word, which somebody may copy.
fn is_copied(line: &str, columns: usize) -> bool {
    let line = line.trim_start();
    let rest = line.rfind(' ').map_or("", |at| &line[..at]);
    line.starts_with("bzzz ") || line.starts_with("/tmp/") || width(rest) <= columns
}

#[test]
fn what_is_copied_stands_on_one_line() {
    let id = "5e1f".repeat(16);
    let folder = format!("/very/long/{}/with spaces", "folder/".repeat(12));
    let mut report = fixtures::escalated();
    report.escalation.as_mut().expect("a question").id = id.clone();
    report.certificate = Some(format!("{folder}/c.pem"));
    report.thread = format!("bzzz://*:*@{}:review/thread/{id}", "p".repeat(40));
    report.findings[0].finding.file = format!("{folder}/x.py");
    report.notes.push(format!(
        "Look with `bzzz escalations show {id} --node 127.0.0.1:8080` at it."
    ));
    for columns in [20, 40, 80] {
        for terminal in [false, true] {
            let screen = Screen {
                terminal,
                ..Screen::plain(columns)
            };
            let text = render(&report, Format::Text, screen).expect("a rendering");
            for whole in [
                format!("bzzz escalations answer {id} approve"),
                format!("bzzz escalations answer {id} request_changes"),
                format!("`bzzz escalations show {id} --node 127.0.0.1:8080`"),
                format!("{folder}/c.pem"),
                format!("bzzz verify -- '{folder}/c.pem'"),
                format!("{folder}/x.py:"),
                report.thread.clone(),
            ] {
                assert!(
                    text.lines().any(|line| line.contains(&whole)),
                    "{columns}: {whole}\n{text}"
                );
            }
        }
    }
}

#[test]
fn text_keeps_to_its_width() {
    for columns in [20, 40, 57, 80, 120] {
        for report in [
            fixtures::rich(),
            fixtures::hostile(),
            fixtures::empty(),
            fixtures::escalated(),
        ] {
            let screen = Screen {
                terminal: true,
                ..Screen::plain(columns)
            };
            for line in render(&report, Format::Text, screen).expect("a rendering").lines() {
                assert!(
                    width(line) <= columns || is_copied(line, columns),
                    "{columns}: {line:?}"
                );
            }
        }
    }
}

#[test]
fn json_gives_the_report_back() {
    for report in [fixtures::rich(), fixtures::hostile(), fixtures::empty()] {
        let back: Report = serde_json::from_str(&draw(&report, Format::Json, 80)).expect("the report");
        assert_eq!(back, report);
    }
}

#[test]
fn hostile_html_has_no_tag_of_its_own() {
    let page = draw(&fixtures::hostile(), Format::Html, 80);
    for bad in ["<script", "<img", "onerror=alert(1)>", "href=\"javascript"] {
        assert!(!page.contains(bad), "{bad}");
    }
    for need in [
        "<h1",
        "<h2",
        "scope=\"col\"",
        "role=\"rowheader\"",
        "lang=\"en\"",
        "<caption>",
        "prefers-color-scheme",
        "@media print",
    ] {
        assert!(draw(&fixtures::rich(), Format::Html, 80).contains(need), "{need}");
    }
    for outside in ["src=", "@import", "url(", "<link"] {
        assert!(
            !draw(&fixtures::rich(), Format::Html, 80).contains(outside),
            "{outside}"
        );
    }
}

#[test]
fn markdown_fits_into_a_comment() {
    let mut report = fixtures::rich();
    let many = report.findings[0].clone();
    report.findings = (0..2_000).map(|_| many.clone()).collect();
    report.messages = (0..2_000).map(|_| report.messages[2].clone()).collect();
    let text = draw(&report, Format::Markdown, 80);
    assert!(text.len() < 65_536, "{} bytes", text.len());
    assert!(text.contains("did not fit here"));
    assert!(text.contains("Certificate"));
}

#[test]
fn sarif_has_the_parts_that_its_readers_need() {
    for report in [fixtures::rich(), fixtures::hostile(), fixtures::empty()] {
        let log: serde_json::Value = serde_json::from_str(&draw(&report, Format::Sarif, 80)).expect("JSON");
        assert_eq!(log["version"], "2.1.0");
        let run = &log["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
        let results = run["results"].as_array().expect("results");
        assert_eq!(results.len(), report.findings.len());
        let mut prints = std::collections::BTreeSet::new();
        for result in results {
            let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().expect("an index")).expect("small")];
            assert_eq!(rule["id"], result["ruleId"]);
            assert!(rule["help"]["text"].as_str().is_some_and(|text| !text.is_empty()));
            assert!(prints.insert(result["partialFingerprints"]["bzzzFinding/v1"].to_string()));
            assert!(matches!(result["level"].as_str(), Some("error" | "warning" | "note")));
            let uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
                .as_str()
                .expect("a URI");
            assert!(
                uri.bytes()
                    .all(|byte| byte.is_ascii_graphic() && !b"<>\"{}|\\^`".contains(&byte)),
                "{uri}"
            );
        }
    }
}

#[test]
fn exit_statuses() {
    let check = |report: &Report, severity, wanted| {
        let fail_on = FailOn {
            severity,
            unread: false,
        };
        assert_eq!(exit(report, fail_on), wanted);
    };
    check(&fixtures::rich(), None, Exit::No);
    check(&fixtures::rich(), Some(Severity::Critical), Exit::No);
    check(&fixtures::empty(), Some(Severity::Low), Exit::Ok);
    check(&fixtures::empty(), None, Exit::Ok);
    let mut report = fixtures::escalated();
    check(&report, None, Exit::Escalated);
    check(&report, Some(Severity::High), Exit::No);
    report.findings.clear();
    check(&report, Some(Severity::Low), Exit::Escalated);
    report.verdict = Verdict::RequestChanges;
    check(&report, Some(Severity::Low), Exit::Ok);
    let unread = FailOn {
        severity: None,
        unread: true,
    };
    assert_eq!(exit(&fixtures::empty(), unread), Exit::Ok);
    assert_eq!(exit(&unread_file(), unread), Exit::No);
    assert_eq!(exit(&unread_file(), FailOn::default()), Exit::Ok);
    assert_eq!(exit(&report, unread), Exit::No, "the verdict counts too");
}

/// An approval beside a file that nobody has read.
fn unread_file() -> Report {
    let mut report = fixtures::empty();
    report.unread = vec![Unread {
        file: "cmd/main.go".into(),
        why: "no rules read this kind of file".into(),
    }];
    let note = format!("Not read by anybody: {}.", named(&report.unread));
    report.notes.insert(0, note);
    report
}

#[test]
fn every_format_names_what_nobody_has_read() {
    for format in [
        Format::Text,
        Format::Markdown,
        Format::Json,
        Format::Sarif,
        Format::Html,
    ] {
        let text = draw(&unread_file(), format, 200);
        assert!(text.contains("Not read by anybody"), "{format:?} {text}");
        assert!(text.contains("main.go"), "{format:?} {text}");
    }
}

#[test]
fn sarif_describes_a_rule_and_not_its_first_finding() {
    let mut report = fixtures::rich();
    let rules = |report: &Report| {
        let log: serde_json::Value = serde_json::from_str(&draw(report, Format::Sarif, 80)).expect("JSON");
        log["runs"][0]["tool"]["driver"]["rules"].clone()
    };
    report.findings.truncate(1);
    report.findings[0].finding.rule = "documentation/missing-doc".into();
    report.findings[0].finding.role = "documentation".into();
    report.findings[0].finding.cwe = Some(1053);
    let before = rules(&report);
    report.findings[0].finding.title = "New public `pay` has no documentation".into();
    report.findings[0].finding.severity = Severity::Medium;
    assert_eq!(rules(&report), before);
    assert_eq!(
        before[0]["properties"],
        serde_json::json!({ "tags": ["documentation"] })
    );
    assert_eq!(before[0]["helpUri"], "https://cwe.mitre.org/data/definitions/1053.html");
    report.findings[0].finding.rule = "security/sql-injection".into();
    let security = rules(&report);
    assert_eq!(
        security[0]["properties"],
        serde_json::json!({ "security-severity": "9.5", "tags": ["security", "external/cwe/cwe-089"] })
    );
    // A rule of a model's own making has constant words too.
    report.findings[0].finding.rule = "reviewer/own-view".into();
    let own = rules(&report);
    report.findings[0].finding.why = "another".into();
    assert_eq!(rules(&report), own);
}
