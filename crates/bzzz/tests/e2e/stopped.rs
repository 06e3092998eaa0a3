//! Nodes that were told to stop working, and questions that come before the deadline: what is said has to be true.

use serde_json::json;

use crate::node::{Start, example, three, until_live};
use crate::support::Place;

#[test]
fn after_a_kill_nothing_promises_what_will_not_come() {
    let place = Place::new();
    let node = Start::new("a", "security,reviewer").up(&place);
    until_live(&[&node], 1);
    let http = node.http();
    let run = |args: &[&str]| place.run(&[args, &["--node", &http]].concat());
    let said = run(&["kill"]).ok().out.clone();
    assert!(said.contains("until the node is started anew"), "{said}");
    for args in [
        &["review", &example()][..],
        &["task", "announce", "x"],
        &["thread", "create", "x"],
    ] {
        run(args).fails(4, &["take nothing new", "another node", "started anew"]);
    }
    let agent = node.get("agents")["agents"][0]["id"].clone();
    run(&["agents", "resume", agent.as_str().expect("an id")]).fails(4, &["take nothing new"]);
    assert_eq!(node.get("agents")["agents"][0]["status"], json!("stopped"));
    // What is not there is looked for in the right list.
    run(&["agents", "pause", "nobody"]).fails(2, &["bzzz agents"]);
    run(&["task", "show", "abcdef"]).fails(2, &["bzzz task list"]);
}

#[test]
fn a_question_before_the_deadline_does_not_blame_the_deadline() {
    let place = Place::new();
    let [a, b, mut c] = three(&place);
    c.kill();
    let ran = place.run(&["review", &example(), "--node", &b.http(), "--deadline", "10"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(
        ran.out
            .contains("why: not enough of the weight voted for one choice: 0.66"),
        "{ran:?}"
    );
    assert!(!ran.out.contains("deadline passed"), "{ran:?}");
    drop(a);
}
