//! Bad changes sent to a running node: each is refused with its reason, and the node goes on.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::node::{Node, Start, example, until_live};
use crate::support::Place;

fn review(node: &Node, diff: &str) -> (u16, Value) {
    let change = json!({ "title": "x", "diff": diff, "files": {}, "old_files": {} });
    node.post("reviews", &json!({ "change": change, "roles": [], "deadline_s": 20 }))
}

/// Sends bytes as they are and gives the answer's first line and all of it.
fn raw(node: &Node, head: &str, body: impl Iterator<Item = Vec<u8>>) -> (String, String) {
    let http = node.http();
    let host = http.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).expect("a connection");
    stream.set_read_timeout(Some(crate::node::PATIENCE)).expect("a timeout");
    let head = format!("{head}\r\nHost: {host}\r\nContent-Type: application/json\r\nConnection: close\r\n");
    // A refusal may come, and the connection go, before all is sent.
    let _ = stream.write_all(head.as_bytes());
    for part in body {
        if stream.write_all(&part).is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    (answer.lines().next().unwrap_or_default().to_owned(), answer)
}

#[test]
fn bad_changes_are_refused_and_the_node_goes_on() {
    let place = Place::new();
    let node = Start::new("a", "security").up(&place);
    until_live(&[&node], 1);
    let before = node.state().expect("a state");
    let series = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n".repeat(2);
    for (diff, words) in [
        ("", "empty"),
        (" \n\n", "empty"),
        ("hello\nworld\n", "no unified diff"),
        ("--- a\0b", "binary"),
        ("--- a/x\n+++ b/x\n@@ -1,9 +1 @@\n-a\n", "line 3"),
        ("@@ -1 +1 @@\n-a\n+b\n", "no file header"),
        (&series, "git diff A B"),
    ] {
        let (status, fault) = review(&node, diff);
        assert_eq!((status, &fault["kind"]), (400, &json!("usage")), "{diff:?}: {fault}");
        assert!(fault["because"].to_string().contains(words), "{diff:?}: {fault}");
    }
    // More than a change may have, and more than a body may have.
    let line = "+0123456789abcdef0123456789abcdef\n";
    let many = (20 << 20) / line.len();
    let huge = format!("--- a/x\n+++ b/x\n@@ -0,0 +1,{many} @@\n{}", line.repeat(many));
    let (status, fault) = review(&node, &huge);
    assert_eq!(status, 400, "{fault}");
    assert!(fault["because"].to_string().contains("limit"), "{fault}");

    let length = 100 << 20;
    let megabytes = (0..100).map(|_| vec![b'x'; 1 << 20]);
    let ask = format!("POST /v1/reviews HTTP/1.1\r\nContent-Length: {length}");
    let body = std::iter::once(b"\r\n".to_vec()).chain(megabytes);
    let (status, answer) = raw(&node, &ask, body);
    assert!(status.contains("413"), "{answer}");

    let change = b"{\"change\":{\"title\":\"x\",\"diff\":\"\xff\xfe\"},\"deadline_s\":9}".to_vec();
    let ask = format!("POST /v1/reviews HTTP/1.1\r\nContent-Length: {}", change.len());
    let (status, answer) = raw(&node, &ask, [b"\r\n".to_vec(), change].into_iter());
    assert!(status.contains(" 400"), "{answer}");

    assert_eq!(node.threads(), [], "nothing was opened");
    assert_eq!(node.state(), Some(before));
    let ran = place.run(&["review", &example(), "--node", &node.http(), "--format", "json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
}

#[test]
fn roles_without_an_agent_are_refused_at_once_and_absent_ones_are_named() {
    let place = Place::new();
    let node = Start::new("a", "security,reviewer").up(&place);
    until_live(&[&node], 1);
    let change = json!({ "title": "x", "diff": crate::support::DIFF, "files": {}, "old_files": {} });
    let body = json!({ "change": change, "roles": ["reviewer", "bogus"], "deadline_s": 20 });
    let (status, fault) = node.post("reviews", &body);
    assert_eq!((status, &fault["code"]), (422, &json!("unknown_role")), "{fault}");
    assert!(fault["because"].to_string().contains("bogus"), "{fault}");
    assert!(fault["try"].to_string().contains("reviewer, security"), "{fault}");
    assert_eq!(node.threads(), [], "nothing was opened");
    let http = node.http();
    let asked = |roles: &str, extra: &[&str]| {
        let example = example();
        let args = ["review", &example, "--node", &http, "--roles", roles];
        place.run(&[&args[..], extra].concat())
    };
    asked("securty", &[]).fails(2, &["no agent of the role \"securty\"", "did you mean \"security\"?"]);
    let security = node.get("agents?role=security")["agents"][0]["id"].clone();
    let security = security.as_str().expect("an id");
    place.run(&["agents", "pause", security, "--node", &http]).ok();
    let ran = asked("reviewer,security", &["--deadline", "10"]);
    assert!(
        ran.err.contains("warning: no agent of the role security is here now"),
        "{ran:?}"
    );
    assert!(matches!(ran.code, Some(1 | 3)), "{ran:?}");
}

/// The routes as the server declares them, with an id where one stands.
fn routes() -> Vec<String> {
    let source = include_str!("../../src/web/mod.rs");
    let paths = source
        .split(".route(\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    let paths: Vec<String> = paths
        .map(|path| {
            let path = path
                .replace("{id}", "abcdef")
                .replace("{peer}", "12D3KooW")
                .replace("{action}", "close");
            format!("/v1{path}")
        })
        .collect();
    assert!(paths.len() > 20, "{paths:?}: does the test still find them?");
    paths
}

#[test]
fn every_refusal_explains_itself_as_json() {
    let place = Place::new();
    let node = Start::new("a", "security").up(&place);
    until_live(&[&node], 1);
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(crate::node::PATIENCE))
        .allow_non_standard_methods(true)
        // A connection whose request was refused unread is closed.
        .max_idle_connections(0)
        .build()
        .into();
    let ask = |method: &str, path: &str, kind: Option<&str>, body: &str| {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", node.http()));
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let request = request.body(body.to_owned()).expect("a request");
        let mut answer = agent.run(request).unwrap_or_else(|e| panic!("{method} {path}: {e}"));
        let status = answer.status().as_u16();
        let text = answer.body_mut().read_to_string().expect("text");
        if status >= 400 {
            let what = format!("{method} {path}: {status} {text}");
            let fault: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{what}: {e}"));
            let said = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
            assert!(
                said(&fault["error"]) && said(&fault["try"]) && said(&fault["kind"]),
                "{what}"
            );
            assert!(said(&fault["because"][0]), "{what}");
        }
        status
    };
    let json = Some("application/json");
    for path in routes() {
        // The log is long and a backup a file: right requests of those are tested elsewhere.
        for method in ["DELETE", "PUT", "PATCH", "OPTIONS", "PROPFIND"] {
            assert_eq!(ask(method, &path, json, "{}"), 405, "{method} {path}");
        }
        ask("GET", &path, None, "");
        if path == "/v1/leave" {
            // It needs no body, and takes every one.
            continue;
        }
        // Whatever a request needs, this is not it.
        for (kind, body) in [
            (None, "x"),
            (Some("text/plain"), "{}"),
            (json, "{"),
            (json, "[]"),
            (json, "{\"x\":\"\\ud800\"}"),
        ] {
            ask("POST", &path, kind, body);
        }
        assert_eq!(ask("GET", &format!("{path}/and/further/down"), None, ""), 404, "{path}");
    }
    for path in [
        "/",
        "/v1",
        "/v2/status",
        "/v1/threads/%ff",
        "/v1/tasks/%ff%fe/claim",
        "/v1/lookup?kind=%ff",
    ] {
        assert!(ask("GET", path, None, "") >= 400, "{path}");
        assert!(ask("POST", path, json, "{}") >= 400, "{path}");
    }
    let ran = place.run(&["thread", "show", "abcdef", "--node", &node.http()]);
    ran.fails(2, &["there is no thread abcdef", "bzzz thread list"]);
    assert_eq!(ran.err.matches("there is no thread").count(), 1, "{ran:?}");
}

#[test]
fn strange_requests_are_refused_in_words() {
    let place = Place::new();
    let node = Start::new("a", "security").up(&place);
    let refused = |path: &str, body: Value, status: u16, words: &str| {
        let (got, fault) = node.post(path, &body);
        assert_eq!(got, status, "{path}: {fault}");
        assert!(fault["because"].to_string().contains(words), "{path}: {fault}");
    };
    refused("nowhere", json!({}), 404, "nowhere");
    refused("resource", json!({ "address": "bzzz://", "text": "x" }), 400, "column");
    refused("threads/zzzz/join", json!({}), 400, "hex digits");
    refused("reviews", json!({ "deadline_s": "soon" }), 400, "deadline_s");
    refused("node/explode", json!({}), 404, "explode");
    let other = raw(
        &node,
        "GET /v1/status HTTP/1.1\r\nOrigin: https://evil.example",
        [b"\r\n".to_vec()].into_iter(),
    );
    assert!(other.0.contains("403"), "{}", other.1);
}
