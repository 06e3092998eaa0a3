//! A question goes to a person, and the answer brings the thread to its end.

use crate::node::{Node, ROLES, Start, example, three, until, until_live, until_same};
use crate::support::Place;

#[test]
fn a_review_without_a_quorum_goes_to_a_person_whose_answer_is_signed_and_ends_it() {
    let place = Place::new();
    let [a, b, mut c] = three(&place);
    // Two of three equal seats are no quorum: more than two thirds are needed.
    c.kill();
    let http = b.http();
    let ran = place.run(&[
        "review",
        "--node",
        &http,
        &example(),
        "--deadline",
        "10",
        "--format",
        "json",
    ]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let report = ran.json();
    assert_eq!(report["verdict"], "escalated");
    assert!(
        !report["findings"].as_array().expect("a list").is_empty(),
        "what was found is shown"
    );

    // The other survivor shows the question and takes the answer.
    let node = a.http();
    let list = until("the question is here", || {
        let list = place
            .run(&["escalations", "list", "--json", "--node", &node])
            .ok()
            .json();
        (list["escalations"].as_array()?.len() == 1).then_some(list)
    });
    let question = &list["escalations"][0];
    let id = question["id"].as_str().expect("an id");
    assert_eq!(question["state"], "open");
    let text = place.run(&["escalations", "list", "--node", &node]).ok().out.clone();
    assert!(text.contains(&id[..8]), "{text}");
    // Somebody looks after it; twice is as good as once.
    for _ in 0..2 {
        let acked = place
            .run(&["escalations", "ack", &id[..8], "--as", "ada", "--json", "--node", &node])
            .ok()
            .json();
        assert_eq!(acked["state"], "acknowledged");
        assert_eq!(acked["acknowledged"], serde_json::json!(["ada"]));
    }
    let shown = place
        .run(&["escalations", "show", id, "--json", "--node", &node])
        .ok()
        .json();
    assert_eq!(shown["state"], "acknowledged");
    assert!(shown["question"].as_str().is_some_and(|q| !q.is_empty()), "{shown:#}");
    assert!(shown["options"].as_array().is_some_and(|o| o.len() >= 2), "{shown:#}");
    // What is printed can be pasted as it stands: each answer on its own line, and it goes to the node that was asked.
    let text = place
        .run(&["escalations", "show", id, "--node", &node])
        .ok()
        .out
        .clone();
    assert!(text.contains("seen by: ada"), "{text}");
    for line in [
        format!("answer with: bzzz escalations answer {id} approve --node {node}\n"),
        format!("or with: bzzz escalations answer {id} request_changes --node {node}\n"),
    ] {
        assert!(text.contains(&line), "{line}: {text}");
    }
    let folder = a.data().to_str().expect("a path");
    let text = place
        .run(&["escalations", "show", id, "--data", folder])
        .ok()
        .out
        .clone();
    assert!(text.contains(&format!("approve --data {folder}\n")), "{text}");
    let answer = [
        "escalations",
        "answer",
        id,
        "request_changes",
        "--reason",
        "no",
        "--as",
        "ada",
    ];
    let answered = |node: &str| place.run(&[&answer[..], &["--json", "--node", node]].concat());
    let said = answered(&node).ok().json();
    assert_eq!(said["state"], "answered");
    assert_eq!(said["person"], "ada");
    answered(&node).fails(1, &["answered already"]);
    place
        .run(&["escalations", "ack", id, "--as", "bob", "--node", &node])
        .fails(1, &["could not acknowledge the escalation", "closed already"]);
    place
        .run(&["escalations", "answer", "ffffffff", "approve", "--node", &node])
        .fails(
            2,
            &["could not answer the escalation", "there is no escalation", "try:"],
        );

    let thread = report["thread"]
        .as_str()
        .expect("an address")
        .rsplit('/')
        .next()
        .expect("an id")
        .to_owned();
    for node in [&a, &b] {
        until("the thread is decided by the person", || {
            (node.get(&format!("threads/{thread}"))["state"] == "decided").then_some(())
        });
    }
    answered(&http).fails(1, &["answered already"]);
    let run = |args: &[&str]| place.run(&[args, &["--node", &http]].concat());
    let list = run(&["thread", "list", "--json"]).ok().json();
    assert_eq!(list["threads"][0]["verdict"], "request_changes", "{list:#}");
    assert!(run(&["thread", "list"]).ok().out.contains("request changes"));
    let shown = run(&["thread", "show", &thread]).ok().out.clone();
    for words in [
        "request changes, by people's signed answers",
        "question to people",
        "ada for",
        ": no",
    ] {
        assert!(shown.contains(words), "{words} is not in:\n{shown}");
    }
    run(&["thread", "close", &thread]).fails(1, &["the thread is decided"]);
    let report = b.get(&format!("threads/{thread}/report"));
    assert!(report.to_string().contains("ada"), "{report:#}");
    // The answer is an event in the log: its signatures hold, and the node that was away learns of it.
    let c = Start::new("c", crate::node::ROLES[2]).peers(&[&a, &b]).up(&place);
    until_live(&[&a, &b, &c], 3);
    until_same(&[&a, &b, &c]);
    assert_eq!(c.get(&format!("threads/{thread}"))["state"], "decided");
    for node in [&a, &b, &c] {
        place.run(&["log", "verify", "--node", &node.http()]).ok();
    }
}

/// Three nodes of three owners.
fn three_owners(place: &Place) -> [Node; 3] {
    let configs = ["ann", "bob", "cat"].map(|owner| {
        let path = place.path(&format!("{owner}.toml"));
        std::fs::write(
            &path,
            format!("[node]\nowner = \"{owner}\"\n[project]\nadmit = \"open\"\n"),
        )
        .expect("a file");
        path.to_str().expect("a path in UTF-8").to_owned()
    });
    let start = |name, at: usize, peers: &[&Node]| {
        let mut start = Start::new(name, ROLES[at]).peers(peers);
        start.extra = vec!["--config", &configs[at]];
        start.up(place)
    };
    let a = start("a", 0, &[]);
    let b = start("b", 1, &[&a]);
    let c = start("c", 2, &[&a, &b]);
    until_live(&[&a, &b, &c], 3);
    [a, b, c]
}

#[test]
fn of_three_owners_one_answer_is_not_enough_and_two_are() {
    let place = Place::new();
    let [a, b, mut c] = three_owners(&place);
    c.kill();
    let http = b.http();
    let change = example();
    let review = [
        "review",
        "--node",
        &http,
        &change,
        "--deadline",
        "10",
        "--format",
        "json",
    ];
    let ran = place.run(&review);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let report = ran.json();
    let owners = &report["escalation"]["owners"];
    assert_eq!(owners.as_array().map(Vec::len), Some(3), "{report:#}");
    let thread = report["thread"].as_str().expect("an address");
    let thread = thread.rsplit('/').next().expect("an id").to_owned();
    let id = report["escalation"]["id"].as_str().expect("an id").to_owned();
    until("the question is at the other", || {
        let list = a.get("escalations");
        (list["escalations"][0]["id"] == id.as_str()).then_some(())
    });

    // A person sees who asked, and what the record says beside the words of the question.
    let shown = place
        .run(&["escalations", "show", &id, "--node", &a.http()])
        .ok()
        .out
        .clone();
    for part in [
        "opened by",
        "on record",
        "did not vote",
        "ann: no answer yet",
        "nobody has answered",
    ] {
        assert!(shown.contains(part), "{part} is not in:\n{shown}");
    }

    let answer = |node: &Node, what: &str, person: &str| {
        let args = [
            "escalations",
            "answer",
            &id,
            what,
            "--as",
            person,
            "--node",
            &node.http(),
        ];
        place.run(&args)
    };
    let said = answer(&a, "approve", "ada").ok().out.clone();
    assert!(said.contains("recorded; 1 of 3 owners so far"), "{said}");
    // One owner has one voice.
    answer(&a, "approve", "ada").fails(1, &["ann has answered already"]);
    until("the other has heard", || {
        let list = b.get("escalations");
        let owners = list["escalations"][0]["owners"].as_array()?;
        owners.iter().any(|o| o["person"] == "ada").then_some(())
    });
    for node in [&a, &b] {
        assert_eq!(node.get(&format!("threads/{thread}"))["state"], "escalated");
    }

    let said = answer(&b, "approve", "bob").ok().out.clone();
    assert!(said.contains("decided: approve, by 2 of 3 owners (ann, bob)"), "{said}");
    for node in [&a, &b] {
        until("people have decided", || {
            (node.get(&format!("threads/{thread}"))["state"] == "decided").then_some(())
        });
    }
    let report = a.get(&format!("threads/{thread}/report"));
    let report = &report["report"];
    assert_eq!(
        (&report["verdict"], &report["basis"]),
        (&"approve".into(), &"person".into())
    );
    let notes = report["notes"].to_string();
    assert!(notes.contains("People decided this review and not a vote"), "{notes}");
    assert!(notes.contains("by 2 of 3 owners (ann, bob)"), "{notes}");
    // The example holds a critical security finding: approving it overrides a veto, and the report says so.
    assert!(notes.contains("They override the veto of security"), "{report:#}");
    answer(&b, "approve", "bob").fails(1, &["answered already"]);
}
