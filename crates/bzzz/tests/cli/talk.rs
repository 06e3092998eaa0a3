//! The commands that ask a node: what they send, how they show the answer, `--json` unchanged.

use crate::node::{Answer, FakeNode, good};
use crate::support::{Place, Ran};

const PEER: &str = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp";
const REMOVE: &str = "POST /v1/members/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp/remove";
const WITHDRAW: &str = "POST /v1/members/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp/withdraw";

fn ask(args: &[&str], answer: Answer) -> (Ran, String, serde_json::Value) {
    let node = FakeNode::start(vec![answer]);
    let place = Place::new();
    let args: Vec<&str> = args.iter().copied().chain(["--node", &node.address]).collect();
    let ran = place.run(&args);
    let request = node.requests().pop().expect("a request");
    (ran, request.line.trim_end_matches(" HTTP/1.1").to_owned(), request.body)
}

#[test]
fn each_command_asks_its_endpoint() {
    for (args, line) in [
        (&["agents", "--role", "security"][..], "GET /v1/agents?role=security"),
        (
            &["lookup", "bzzz://*:*@p:t/", "--available"],
            "GET /v1/lookup?address=bzzz%3A%2F%2F*%3A*%40p%3At%2F&available=true",
        ),
        (
            &["get", "bzzz://*:*@p:t/a"],
            "GET /v1/resource?address=bzzz%3A%2F%2F*%3A*%40p%3At%2Fa",
        ),
        (
            &["get", "bzzz://*:*@p:t/a", "--tag", "abcd"],
            "GET /v1/resource?address=bzzz%3A%2F%2F*%3A*%40p%3At%2Fa&tag=abcd",
        ),
        (&["post", "bzzz://*:*@p:t/a", "text"], "POST /v1/resource"),
        (&["post", "bzzz://*:security@p:t/", "text"], "POST /v1/message"),
        (&["thread", "list"], "GET /v1/threads"),
        (&["thread", "show", "a/b"], "GET /v1/threads/a%2Fb"),
        (&["thread", "create", "title"], "POST /v1/threads"),
        (&["thread", "reply", "1", "text"], "POST /v1/threads/1/messages"),
        (&["thread", "vote", "1", "abstain"], "POST /v1/threads/1/vote"),
        (&["thread", "close", "1"], "POST /v1/threads/1/close"),
        (&["task", "list", "--state", "done"], "GET /v1/tasks?state=done"),
        (&["task", "announce", "title"], "POST /v1/tasks"),
        (&["task", "claim", "1", "--agent", "a"], "POST /v1/tasks/1/claim"),
        (
            &["task", "complete", "1", "--token", "4", "done"],
            "POST /v1/tasks/1/complete",
        ),
        (&["escalations", "list", "--all"], "GET /v1/escalations?state=all"),
        (
            &["escalations", "ack", "1", "--as", "ada"],
            "POST /v1/escalations/1/ack",
        ),
        (
            &["escalations", "answer", "1", "approve"],
            "POST /v1/escalations/1/answer",
        ),
        (&["task", "release", "1"], "POST /v1/tasks/1/release"),
        (&["task", "cancel", "1"], "POST /v1/tasks/1/cancel"),
        (&["agents", "pause", "a/b"], "POST /v1/agents/a%2Fb/pause"),
        (&["agents", "resume", "a"], "POST /v1/agents/a/resume"),
        (&["agents", "retire", "a"], "POST /v1/agents/a/retire"),
        (&["drain"], "POST /v1/node/drain"),
        (&["kill"], "POST /v1/node/kill"),
        (&["admit"], "GET /v1/admit"),
        (&["members"], "GET /v1/members"),
        (&["members", "remove", PEER], REMOVE),
        (&["members", "withdraw", PEER], WITHDRAW),
        (&["leave", "--yes"], "POST /v1/leave"),
        (&["backup", "b.db"], "POST /v1/backup"),
        (&["rebuild"], "POST /v1/rebuild"),
    ] {
        let (ran, asked, _) = ask(args, good("{}"));
        assert_eq!(ran.code, Some(0), "{args:?} {ran:?}");
        assert_eq!(asked, line);
        let json: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let (ran, ..) = ask(&json, good("{\"x\":[1]}"));
        assert_eq!(ran.json(), serde_json::json!({"x": [1]}), "{args:?}");
    }
}

#[test]
fn checks_decide_the_exit_status() {
    let (args, line) = (&["log", "verify"][..], "POST /v1/log/verify");
    let (ran, asked, _) = ask(
        args,
        good("{\"valid\":true,\"summary\":\"valid, issuer not pinned\",\"details\":[\"3 signatures\"]}"),
    );
    assert_eq!((ran.code, asked.as_str()), (Some(0), line));
    assert_eq!(ran.out, "valid: issuer not pinned\n  - 3 signatures\n");
    assert_eq!(
        ask(args, good("{\"valid\":false,\"summary\":\"a signature is wrong\"}"))
            .0
            .code,
        Some(5)
    );
    assert_eq!(ask(args, good("{}")).0.code, Some(5), "no answer is no proof");
}

#[test]
fn tables_show_rows_without_control_characters() {
    let agents = "{\"agents\":[{\"id\":\"s\\u001b[2J\",\"role\":\"security\",\"status\":\"idle\",\"tasks\":1,\"max_tasks\":3,\"node\":\"abcdefabcdefabcdef\",\"capabilities\":[\"review\"]}]}";
    let (ran, ..) = ask(&["agents"], good(agents));
    assert!(
        ran.out.contains("s␛[2J") && ran.out.contains("1/3") && ran.out.contains("abcdefabcdef "),
        "{}",
        ran.out
    );
    assert_eq!(ask(&["agents"], good("{\"agents\":[]}")).0.out, "no agents\n");
}

#[test]
fn input_is_checked_before_a_node_is_asked() {
    let place = Place::new();
    place
        .run(&["verify", "none"])
        .fails(2, &["could not read the certificate none"]);
    let text = place.file("text", "no certificate");
    place.run(&["verify", &text]).fails(5, &["could not verify", "PEM"]);
    place.run(&["verify", &text, "--project", "x"]).fails(2, &["--project"]);
    place
        .run(&["get", "bzzz://a:b@c"])
        .fails(2, &["could not read the address", "column "]);
    place.run(&["post", "nonsense", "x"]).fails(2, &["column 1"]);
    place.run(&["admit", "somebody"]).fails(2, &["no peer id"]);
    place
        .run(&["members", "remove", "somebody"])
        .fails(2, &["could not remove the member", "no peer id"]);
    place
        .run(&["leave", "--node", "127.0.0.1:1"])
        .fails(2, &["nobody is there to confirm it", "--yes"]);
    place.run(&["backup", &text]).fails(2, &["it is there already"]);
    place
        .run(&["restore", "none"])
        .fails(2, &["could not use the backup none"]);
    place
        .run(&["agents"])
        .fails(4, &["could not find a running node", "bzzz up"]);
    place
        .run(&["post", "bzzz://*:*@p:t/", "x", "--if-match", "1"])
        .fails(2, &["--if-match"]);
}

#[test]
fn the_node_of_the_data_folder_is_found() {
    let node = FakeNode::start(vec![good("{\"agents\":[]}")]);
    let place = Place::new();
    std::fs::create_dir(place.path("d")).expect("a folder");
    let status = serde_json::json!({"peer_id": "x", "p2p": [], "http": node.address, "data": "d"});
    place.file("d/node.json", status.to_string());
    place.run(&["agents", "--data", "d"]).ok();
    place.file("d/node.json", "{");
    place.run(&["agents", "--data", "d"]).fails(6, &["node.json"]);
}

#[test]
fn the_file_of_a_crashed_node_does_not_count() {
    let place = Place::new();
    std::fs::create_dir(place.path("d")).expect("a folder");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let closed = listener.local_addr().expect("an address").to_string();
    drop(listener);
    let status = serde_json::json!({"peer_id": "x", "p2p": [], "http": closed, "data": "d"});
    place.file("d/node.json", status.to_string());
    place.run(&["agents", "--data", "d"]).fails(4, &["no node answered"]);
}
