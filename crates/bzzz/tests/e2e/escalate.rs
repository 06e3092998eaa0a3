//! A question goes to a person, and the answer brings the thread to its end.

use crate::node::{Start, example, three, until, until_live, until_same};
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
    let shown = place
        .run(&["escalations", "show", id, "--json", "--node", &node])
        .ok()
        .json();
    assert_eq!(shown["state"], "acknowledged");
    assert!(shown["question"].as_str().is_some_and(|q| !q.is_empty()), "{shown:#}");
    assert!(shown["options"].as_array().is_some_and(|o| o.len() >= 2), "{shown:#}");
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
