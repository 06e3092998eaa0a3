//! Threads and tasks to their end: what people decided and what was done is shown, and what is over stays over.

use crate::node::{Start, three, until, until_live, until_same};
use crate::support::Place;

#[test]
fn a_thread_shows_what_people_decided_and_is_not_closed_any_more() {
    let place = Place::new();
    let a = Start::new("a", "reviewer").up(&place);
    until_live(&[&a], 1);
    let http = a.http();
    let run = |args: &[&str]| place.run(&[args, &["--node", &http]].concat());
    let thread = run(&["thread", "create", "Shall we?", "--json"]).ok().json();
    let thread = thread["id"].as_str().expect("an id");
    run(&["thread", "escalate", thread, "Who decides?"]).ok();
    let shown = run(&["thread", "show", thread]).ok().out.clone();
    for words in [
        "question to people",
        "Who decides?",
        "options: yes, no",
        "nobody has answered",
    ] {
        assert!(shown.contains(words), "{words} is not in:\n{shown}");
    }
    assert!(!shown.contains("outcome"), "{shown}");
    let id = run(&["thread", "show", thread, "--json"]).ok().json()["escalations"][0]["id"].clone();
    let id = id.as_str().expect("an id");
    run(&[
        "escalations",
        "answer",
        id,
        "yes",
        "--as",
        "ada",
        "--reason",
        "it has grown",
    ])
    .ok();

    let shown = run(&["thread", "show", thread]).ok().out.clone();
    for words in [
        "yes, by people's signed answers",
        "ada for",
        ": yes: it has grown",
        "answered",
    ] {
        assert!(shown.contains(words), "{words} is not in:\n{shown}");
    }
    let told = run(&["thread", "show", thread, "--json"]).ok().json();
    assert_eq!(
        (&told["settled_by"], &told["answer"]),
        (&"people".into(), &"yes".into())
    );
    let answer = &told["escalations"][0]["answers"][0];
    assert_eq!((&answer["person"], &answer["answer"]), (&"ada".into(), &"yes".into()));
    assert_eq!(answer["reason"], "it has grown");
    assert!(answer["at_ms"].as_u64() > Some(0), "{told:#}");

    // It is over: it is neither closed nor asked about again, and nothing is left behind by trying. Talk goes on.
    run(&["thread", "close", thread]).fails(1, &["could not change the thread", "the thread is decided"]);
    run(&["thread", "resolve", thread, "never said"]).fails(1, &["the thread is decided"]);
    run(&["thread", "escalate", thread, "Again?"]).fails(1, &["the thread is decided"]);
    run(&["thread", "reply", thread, "so be it"]).ok();
    let told = run(&["thread", "show", thread, "--json"]).ok().json();
    assert_eq!(told["escalations"].as_array().map(Vec::len), Some(1));
    let log = told["log"].to_string();
    assert!(log.contains("so be it") && !log.contains("never said"), "{log}");

    let other = run(&["thread", "create", "And this?", "--json"]).ok().json();
    let other = other["id"].as_str().expect("an id");
    run(&["thread", "resolve", other, "we wait"]).ok();
    let shown = run(&["thread", "show", other]).ok().out.clone();
    assert!(
        shown.contains("closed as resolved") && shown.contains("we wait"),
        "{shown}"
    );
    run(&["thread", "close", other]).fails(1, &["closed already"]);
    run(&["thread", "reply", other, "late"]).fails(1, &["the thread is closed"]);
}

#[test]
fn the_result_of_a_task_is_shown_on_every_node() {
    let place = Place::new();
    let nodes = three(&place);
    let [a, b, c] = &nodes;
    let http = b.http();
    let run = |args: &[&str]| place.run(&[args, &["--node", &http]].concat());
    for (extra, state) in [(&[][..], "done"), (&["--failed"][..], "failed")] {
        let task = run(&["task", "announce", "Write it", "--json"]).ok().json();
        let task = task["id"].as_str().expect("an id").to_owned();
        let agents = b.get("agents");
        let me = b.get("status")["node"].clone();
        let agent = agents["agents"]
            .as_array()
            .expect("a list")
            .iter()
            .find(|a| a["node"] == me);
        let agent = agent.expect("an agent of b")["id"].as_str().expect("an id").to_owned();
        assert_eq!(
            run(&["task", "show", &task, "--json"]).ok().json()["result"],
            serde_json::Value::Null
        );
        run(&["task", "claim", &task, "--agent", &agent]).ok();
        let token = until("the claim is acknowledged", || {
            run(&["task", "show", &task, "--json"]).ok().json()["token"].as_u64()
        });
        let token = token.to_string();
        let complete = [
            "task",
            "complete",
            &task,
            "--token",
            &token,
            "two lines:\nthe text of the result",
        ];
        let said = run(&[&complete[..], extra].concat()).ok().out.clone();
        assert!(
            said.contains("the text of the result") && said.contains(state),
            "{said}"
        );
        for node in [a, b, c] {
            let shown = until("the result is here", || {
                let shown = node.get(&format!("tasks/{task}"));
                (shown["result"].as_str()? == "two lines:\nthe text of the result").then_some(shown)
            });
            assert_eq!(shown["state"], state);
        }
        let shown = place
            .run(&["task", "show", &task, "--node", &c.http()])
            .ok()
            .out
            .clone();
        assert!(
            shown.contains("result\n  two lines:\n  the text of the result"),
            "{shown}"
        );
    }
    until_same(&[a, b, c]);
}
