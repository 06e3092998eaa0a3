//! Looking after a node: backup and restore, rebuild, verify, drain and kill, pausing an agent.

use serde_json::{Value, json};

use crate::node::{Node, Start, example, until, until_live, until_same};
use crate::support::Place;

fn review(place: &Place, node: &Node, code: i32) -> Value {
    let ran = place.run(&[
        "review",
        &example(),
        "--node",
        &node.http(),
        "--format",
        "json",
        "--deadline",
        "10",
    ]);
    assert_eq!(ran.code, Some(code), "{ran:?}");
    ran.json()
}

#[test]
fn a_backup_made_during_a_review_comes_back_as_a_new_life() {
    let place = Place::new();
    let a = Start::new("a", "security").up(&place);
    let mut b = Start::new("b", "reviewer").peers(&[&a]).up(&place);
    until_live(&[&a, &b], 2);
    review(&place, &b, 1);
    let file = place.path("copy.db");
    let path = file.to_str().expect("a path");
    let http = b.http();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| review(&place, &b, 1));
        place.run(&["backup", path, "--node", &http]).ok();
        running.join().expect("the review");
    });
    place
        .run(&["backup", path, "--node", &http])
        .fails(2, &["is there already", "try:"]);
    let known: Vec<String> = b.threads().into_iter().map(|(id, _)| id).collect();
    assert_eq!(known.len(), 2);

    // The machine is lost; the copy comes back into an empty folder, with the same key.
    b.kill();
    let data = place.path("c");
    std::fs::create_dir(&data).expect("a folder");
    let folder = data.to_str().expect("a path");
    place.run(&["restore", path, "--data", folder]).ok();
    let keys = ["identity", "operator"];
    for key in keys {
        std::fs::copy(b.data().join(key), data.join(key)).expect("a key");
    }
    let c = Start::new("c", "reviewer").peers(&[&a]).up(&place);
    until_live(&[&a, &c], 2);
    // What the copy did not have comes from the peer.
    until("both threads are here", || (c.threads().len() == 2).then_some(()));
    until_same(&[&a, &c]);
    assert_eq!(c.get("status")["node"], b_key(&c, &a));
    review(&place, &c, 1);
    until_same(&[&a, &c]);
    let checked = place.run(&["log", "verify", "--json", "--node", &c.http()]).ok().json();
    // Its old life, its new life, and the peer.
    assert!(
        checked["summary"].as_str().is_some_and(|s| s.contains("3 feeds")),
        "{checked}"
    );
}

/// The key of the other member, as the peer knows it.
fn b_key(c: &Node, a: &Node) -> Value {
    let mine = a.get("status")["node"].clone();
    let agents = c.get("agents")["agents"].as_array().expect("a list").clone();
    let other = agents.iter().find(|r| r["node"] != mine).expect("an agent");
    other["node"].clone()
}

#[test]
fn a_running_and_a_stopped_node_are_verified_and_rebuilt() {
    let place = Place::new();
    let mut a = Start::new("a", "security,reviewer").up(&place);
    until_live(&[&a], 1);
    review(&place, &a, 1);
    let before = a.state();
    let http = a.http();
    let mut running = json!({});
    for name in ["threads", "tasks", "agents", "escalations"] {
        let path = if name == "escalations" {
            "escalations?state=all"
        } else {
            name
        };
        running[name] = a.get(path)[name].clone();
    }
    place.run(&["log", "verify", "--node", &http]).ok();
    place.run(&["rebuild", "--node", &http]).ok();
    until_live(&[&a], 1);
    assert_eq!(a.state(), before);
    let data = a.data().to_str().expect("a path").to_owned();
    // Without --node, the folder leads to the running node.
    place.run(&["log", "verify", "--data", &data]).ok();
    assert_eq!(a.end(rustix::process::Signal::TERM), Some(0));
    place.run(&["log", "verify", "--data", &data]).ok();
    // A stopped node's lists say what the running one's said, as far as it is on record.
    for (args, name) in [
        (&["thread", "list"][..], "threads"),
        (&["task", "list"], "tasks"),
        (&["agents"], "agents"),
        (&["escalations", "list", "--all"], "escalations"),
    ] {
        let args: Vec<&str> = args.iter().copied().chain(["--data", &data, "--json"]).collect();
        let list = place.run(&args).ok().json();
        assert_eq!(list["stopped"], true);
        same_rows(&list[name], &running[name], name);
    }
    let text = place.run(&["thread", "list", "--data", &data]);
    assert!(text.ok().out.contains("decided"), "{text:?}");
    assert!(text.err.contains("no node runs on"), "{text:?}");
    let rebuilt = place.run(&["rebuild", "--data", &data, "--json"]).ok().json();
    assert_eq!(
        (rebuilt["wrong"].as_u64(), rebuilt["rows"].as_u64().map(|n| n > 4)),
        (Some(0), Some(true))
    );
    let copy = place.path("copy.db");
    place
        .run(&["backup", copy.to_str().expect("a path"), "--data", &data])
        .ok();
    let a = Start::new("a", "security,reviewer").up(&place);
    until_live(&[&a], 1);
    assert_eq!(a.state(), before);
}

/// Every row of the one list is in the other, with the same values of what both have; whether an agent is there only a running node knows.
fn same_rows(stopped: &Value, running: &Value, name: &str) {
    let rows = |list: &Value| list.as_array().expect("a list").clone();
    let (stopped, running) = (rows(stopped), rows(running));
    assert_eq!(stopped.len(), running.len(), "{name}");
    for row in running {
        let found = stopped.iter().find(|r| r["id"] == row["id"]).expect("the same row");
        for (key, value) in row.as_object().expect("an object") {
            if found.get(key).is_some() && !["status", "tasks"].contains(&key.as_str()) {
                assert_eq!(&found[key], value, "{name}: {key} of {row}");
            }
        }
    }
}

fn agent(node: &Node, role: &str) -> (String, String) {
    let list = node.get("agents")["agents"].as_array().expect("a list").clone();
    let row = list.iter().find(|r| r["role"] == role).expect("an agent");
    let text = |name: &str| row[name].as_str().expect("a text").to_owned();
    (text("id"), text("status"))
}

#[test]
fn paused_drained_and_killed_agents_take_nothing_new() {
    let place = Place::new();
    let a = Start::new("a", "security,reviewer").up(&place);
    until_live(&[&a], 1);
    let (id, _) = agent(&a, "security");
    let http = a.http();
    let paused = place.run(&["agents", "pause", &id, "--node", &http]);
    assert!(paused.ok().out.contains("is paused"), "{paused:?}");
    until("it is paused", || (agent(&a, "security").1 == "paused").then_some(()));
    let (status, fault) = a.post("agents/nobody/pause", &json!({}));
    assert_eq!(status, 404, "{fault}");
    let unknown = place.run(&["agents", "pause", "nobody", "--node", &http]);
    unknown.fails(2, &["could not pause the agent", "nobody", "try:"]);
    place.run(&["agents", "resume", &id, "--node", &http]).ok();
    until("it is back", || (agent(&a, "security").1 == "idle").then_some(()));
    review(&place, &a, 1);
    // What was asked of one role is not shown under another.
    let tasks = |address: &str| {
        let found = place.run(&["lookup", address, "--kind", "tasks", "--json", "--node", &http]);
        let list = found.ok().json()["tasks"].as_array().expect("a list").clone();
        list.iter().map(|t| t["role"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(tasks("bzzz://*:security@*:*/"), ["security"]);
    assert_eq!(tasks(&format!("bzzz://{id}:*@*:*/")), ["security"]);
    assert_eq!(tasks("bzzz://*:reviewer@*:*/"), ["reviewer"]);
    assert!(tasks("bzzz://*:painter@*:*/").is_empty());
    place.run(&["drain", "--node", &http]).ok();
    until("all have stopped", || {
        (agent(&a, "security").1 == "stopped" && agent(&a, "reviewer").1 == "stopped").then_some(())
    });
    let mut b = Start::new("b", "security").up(&place);
    until_live(&[&b], 1);
    place.run(&["kill", "--node", &b.http()]).ok();
    until("it has stopped", || {
        (agent(&b, "security").1 == "stopped").then_some(())
    });
    // The switch stops the agents; the node itself still answers, and ends when it is told to.
    assert_eq!(b.end(rustix::process::Signal::TERM), Some(0));
}

#[test]
fn the_doctor_knows_the_ports_of_the_node_that_runs_here() {
    let place = Place::new();
    let mut a = Start::new("a", "security").up(&place);
    let data = a.data().to_owned();
    let port = |text: &str| -> u16 {
        let digits = text.split("/p2p/").next().expect("an address");
        let digits = digits.rsplit(['/', ':']).next().expect("a port");
        digits.parse().expect("a number")
    };
    let settings = |http: u16, p2p: u16| {
        let text = format!("[http]\nlisten = \"127.0.0.1:{http}\"\n[p2p]\nlisten = [\"/ip4/127.0.0.1/tcp/{p2p}\"]\n");
        std::fs::write(data.join("bzzz.toml"), text).expect("a file");
    };
    let check = |name: &str, code: i32| -> (String, String) {
        let ran = place.run(&["doctor", "--data", "a", "--json"]);
        assert_eq!(ran.code, Some(code), "{ran:?}");
        let answer = ran.json();
        let checks = answer["checks"].as_array().expect("a list");
        let one = checks.iter().find(|check| check["name"] == name).expect("a check");
        let text = |field: &str| one[field].as_str().expect("a text").to_owned();
        (text("health"), text("found"))
    };
    let (http, p2p) = (port(&a.http()), port(&a.p2p()));
    settings(http, p2p);
    for name in ["http port", "p2p port"] {
        let (health, found) = check(name, 0);
        assert!(
            health == "ok" && found.contains("used by the node that runs here"),
            "{found}"
        );
    }
    // Somebody else has what the settings name, and the node listens elsewhere: of no concern now.
    let other = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = other.local_addr().expect("an address").port();
    settings(taken, taken);
    for (name, elsewhere) in [("http port", http), ("p2p port", p2p)] {
        let (health, found) = check(name, 0);
        assert_eq!(health, "warn", "{found}");
        assert!(found.contains(&format!("listens on 127.0.0.1:{elsewhere}")), "{found}");
    }
    // What a killed node left behind does not excuse who has its port now.
    a.kill();
    let other = std::net::TcpListener::bind(("127.0.0.1", p2p)).expect("its port");
    settings(http, p2p);
    assert_eq!(check("p2p port", 1).0, "fail");
    drop(other);
    assert_eq!(check("p2p port", 0).0, "ok");
}
