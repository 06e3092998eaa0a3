//! A member whose data folder was copied forks its feed: what an honest node says of its own log then.

use rustix::process::Signal;
use serde_json::Value;

use crate::node::{Start, until, until_live};
use crate::support::Place;

/// Copies a data folder while no node runs on it.
fn copy(place: &Place, from: &str, to: &str) {
    let done = place
        .other("cp")
        .args(["-r".as_ref(), place.path(from).as_os_str(), place.path(to).as_os_str()])
        .status()
        .expect("cp");
    assert!(done.success());
}

/// What a check of a log comes to.
fn outcome(report: &Value) -> [Value; 4] {
    ["forks", "fault_count", "faults", "feeds"].map(|field| report[field].clone())
}

#[test]
fn a_proven_fork_of_another_is_no_fault_of_the_log_running_or_stopped() {
    let place = Place::new();
    let mut x = Start::new("x", "security").up(&place);
    let mut y = Start::new("y", "performance").peers(&[&x]).up(&place);
    until_live(&[&x, &y], 2);
    assert_eq!(x.end(Signal::TERM), Some(0), "{}", x.log());
    copy(&place, "x", "x2");
    // One branch comes to y, then another one from the copy.
    let mut x = Start::new("x", "security").peers(&[&y]).up(&place);
    until_live(&[&x, &y], 2);
    let post = |http: &str, name: &str| {
        let address = format!("bzzz://*:*@default:*/{name}");
        place.run(&["post", &address, name, "--node", http]).ok();
    };
    post(&x.http(), "one");
    until("y has it", || {
        place
            .run(&["get", "bzzz://*:*@default:*/one", "--node", &y.http()])
            .code
            .filter(|c| *c == 0)
    });
    assert_eq!(x.end(Signal::TERM), Some(0), "{}", x.log());
    let mut alone = Start::new("x2", "security").up(&place);
    for name in ["a", "b", "c", "d"] {
        post(&alone.http(), name);
    }
    assert_eq!(alone.end(Signal::TERM), Some(0), "{}", alone.log());
    let forked = Start::new("x2", "security").peers(&[&y]).up(&place);
    let check = || place.run(&["log", "verify", "--json", "--node", &y.http()]);
    let running = until("the fork is proven", || {
        let ran = check();
        (ran.json()["forks"] == 1).then_some(ran)
    });
    assert_eq!(running.code, Some(0), "{running:?}");
    drop(forked);
    let text = place.run(&["log", "verify", "--node", &y.http()]).ok().out.clone();
    assert!(text.contains("1 fork proven"), "{text}");
    assert_eq!(y.end(Signal::TERM), Some(0), "{}", y.log());
    let data = y.data().to_str().expect("a path").to_owned();
    let stopped = place.run(&["log", "verify", "--json", "--data", &data]);
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
    assert_eq!(outcome(&running.json()), outcome(&stopped.json()));
    let text = place.run(&["log", "verify", "--data", &data]).ok().out.clone();
    assert!(text.contains("1 fork proven"), "{text}");
}
