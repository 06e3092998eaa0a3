//! `bzzz review` against a node: formats, files, exit statuses, failures in mid-stream.

use crate::node::{Answer, FakeNode, good, review};
use crate::support::{DIFF, Place, Ran};

fn run(answer: Answer, extra: &[&str]) -> (Ran, Place) {
    let place = Place::new();
    let diff = place.file("x.diff", DIFF);
    let node = FakeNode::start(vec![answer]);
    let args: Vec<&str> = ["review", diff.as_str(), "--node", node.address.as_str()]
        .iter()
        .chain(extra)
        .copied()
        .collect();
    let ran = place.run(&args);
    node.requests();
    (ran, place)
}

#[test]
fn the_verdict_is_the_exit_status() {
    let with = |verdict: &str| {
        let verdict = verdict.to_owned();
        review(move |report| report["verdict"] = verdict.into(), None)
    };
    assert_eq!(run(with("approve"), &[]).0.code, Some(0));
    assert_eq!(run(with("request_changes"), &[]).0.code, Some(1));
    assert_eq!(run(with("escalated"), &[]).0.code, Some(3));
    assert_eq!(run(with("approve"), &["--fail-on", "critical"]).0.code, Some(1));
    let calm = review(
        |report| {
            report["verdict"] = "approve".into();
            report["findings"]
                .as_array_mut()
                .expect("findings")
                .retain(|item| item["severity"] == "low");
        },
        None,
    );
    assert_eq!(run(calm, &["--fail-on", "medium"]).0.code, Some(0));
}

#[test]
fn progress_goes_to_standard_error_and_the_report_to_output() {
    let (ran, _) = run(review(|_| {}, None), &[]);
    assert!(ran.err.contains("security-1: 1 finding"), "{}", ran.err);
    assert!(ran.out.starts_with("CHANGES REQUESTED\n"), "{}", ran.out);
    assert!(ran.out.contains("No model took part"));
    assert!(!ran.out.contains('\u{1b}') && !ran.err.contains('\u{1b}'));
}

#[test]
fn json_is_the_report_and_nothing_else() {
    let (ran, _) = run(review(|_| {}, None), &["--json"]);
    assert_eq!(ran.json()["verdict"], "request_changes");
    assert_eq!(ran.err, "");
    let (ran, _) = run(review(|_| {}, None), &["--json", "--progress", "json"]);
    assert!(
        ran.err
            .lines()
            .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("\"findings\""));
}

#[test]
fn every_format_can_be_written_to_a_file() {
    for (format, start) in [
        ("text", "CHANGES"),
        ("markdown", "## bzzz"),
        ("json", "{"),
        ("sarif", "{"),
        ("html", "<!doctype html>"),
    ] {
        let (ran, place) = run(
            review(|_| {}, None),
            &["--format", format, "--output", "report.out", "--color", "always"],
        );
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert_eq!(ran.out, "");
        let text = std::fs::read_to_string(place.path("report.out")).expect("the report");
        assert!(text.starts_with(start), "{format}");
        assert!(!text.contains('\u{1b}'), "a file has no colours");
    }
}

#[test]
fn the_certificate_is_kept_and_named() {
    let (ran, place) = run(
        review(|_| {}, Some("{\"v\":1}")),
        &["--json", "--certificate", "c.json"],
    );
    assert_eq!(ran.json()["certificate"], "c.json");
    assert_eq!(
        std::fs::read_to_string(place.path("c.json")).expect("the certificate"),
        "{\"v\":1}"
    );
    let (ran, place) = run(
        review(
            |report| report["thread"] = "bzzz://*:*@p:t/thread/../../x1".into(),
            Some("{}"),
        ),
        &["--json"],
    );
    let kept = place.path(".local/share/bzzz/certificates/x1.pem");
    assert_eq!(ran.json()["certificate"], kept.to_string_lossy().as_ref());
    assert!(kept.exists());
    let (ran, _) = run(
        review(|report| report["certificate"] = "/elsewhere".into(), None),
        &["--json"],
    );
    assert!(
        ran.json().get("certificate").is_none(),
        "a path on the node is not shown as ours"
    );
}

#[test]
fn a_hostile_node_cannot_reach_the_terminal() {
    let evil = "\u{1b}[2Jx\u{202e}";
    let (ran, _) = run(
        review(
            |report| {
                report["notes"] = serde_json::json!([evil]);
                report["subject"]["title"] = evil.into();
                report["thread"] = evil.into();
            },
            None,
        ),
        &[],
    );
    assert!(!ran.out.contains('\u{1b}') && !ran.out.contains('\u{202e}'));
    assert!(ran.out.contains("␛[2Jx⟨U+202E⟩"));
}

#[test]
fn failures_of_the_node_are_told() {
    let (ran, _) = run(good(""), &[]);
    ran.fails(4, &["the node stopped before the end"]);
    let (ran, _) = run(good("{\"type\":\"progress\",\"event\":{\"phase\":\"commit\""), &[]);
    ran.fails(4, &["could not review the change"]);
    let (ran, _) = run(good("<html>"), &[]);
    ran.fails(4, &["another version"]);
    let fault = "{\"type\":\"error\",\"error\":\"could not append\",\"because\":[\"the disk is full\"],\"try\":\"free some space\",\"kind\":\"local\"}\n";
    let (ran, _) = run(good(fault), &[]);
    ran.fails(
        6,
        &[
            "could not review the change",
            "because: could not append",
            "because: the disk is full",
            "try: free some space",
        ],
    );
    let (ran, _) = run(
        Answer {
            status: 503,
            body: b"busy".to_vec(),
        },
        &[],
    );
    ran.fails(4, &["status 503"]);
    let refused = Answer {
        status: 422,
        body: b"{\"error\":\"could not parse the diff\",\"because\":[\"line 7\"]}".to_vec(),
    };
    let (ran, _) = run(refused, &["--json"]);
    assert_eq!(ran.code, Some(2));
    assert_eq!(ran.error()["because"][1], "line 7");
}

#[test]
fn no_node_is_status_4_with_a_hint() {
    let place = Place::new();
    let diff = place.file("x.diff", DIFF);
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("an address")
        .to_string();
    place
        .run(&["review", &diff, "--node", &closed])
        .fails(4, &["no node answered", "bzzz up"]);
    place
        .run(&["review", &diff, "--node", "/ip4/1.2.3.4/tcp/1"])
        .fails(2, &["peer-to-peer address"]);
}

#[test]
fn an_unwritable_output_is_a_local_failure() {
    let place = Place::new();
    let diff = place.file("x.diff", DIFF);
    for (path, words) in [("no/such/folder/x", "its folder is not there"), (".", "it is a folder")] {
        for flag in ["--output", "--certificate"] {
            // Nobody answers there, and nobody is asked.
            let ran = place.run(&["review", &diff, "--node", "127.0.0.1:1", flag, path]);
            ran.fails(6, &[&format!("could not write {path}"), words, "nothing was begun"]);
        }
    }
    // What cannot be known before is told with the way to come by the report after all.
    let (ran, _) = run(review(|_| {}, None), &["--output", "/dev/full"]);
    ran.fails(6, &["could not write /dev/full", "bzzz review --follow t --node"]);
}
