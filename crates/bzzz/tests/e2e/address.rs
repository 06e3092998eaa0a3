//! Who an address reaches, on five nodes, and resources with versions.

use serde_json::{Value, json};

use crate::node::{Node, Start, until, until_live, until_same};
use crate::support::{Place, Ran};

/// What an address of a node's agent reads in its inbox there.
fn inbox(place: &Place, node: &Node, agent: &str) -> Vec<String> {
    let address = format!("bzzz://{agent}:*@default:*/inbox");
    let read = place
        .run(&["get", &address, "--json", "--node", &node.http()])
        .ok()
        .json();
    let list = read["messages"].as_array().expect("a list").clone();
    list.iter()
        .map(|m| m["text"].as_str().expect("a text").to_owned())
        .collect()
}

#[test]
fn an_address_reaches_one_agent_a_role_or_the_project() {
    let place = Place::new();
    let a = Start::new("a", "reviewer").up(&place);
    let roles = [
        ("b", "security"),
        ("c", "security"),
        ("d", "performance"),
        ("e", "architect"),
    ];
    let rest: Vec<Node> = roles
        .iter()
        .map(|(n, r)| Start::new(n, r).peers(&[&a]).up(&place))
        .collect();
    let nodes: Vec<&Node> = std::iter::once(&a).chain(&rest).collect();
    until_live(&nodes, 5);

    let names: Vec<String> = nodes
        .iter()
        .map(|n| {
            let key = n.get("status")["node"].clone();
            let agents = n.get("agents")["agents"].as_array().expect("a list").clone();
            let own = agents.iter().find(|r| r["node"] == key).expect("its own agent");
            own["id"].as_str().expect("an id").to_owned()
        })
        .collect();
    // From five different places, to one, to a role, to all.
    let post =
        |from: usize, to: &str, text: &str| place.run(&["post", to, text, "--json", "--node", &nodes[from].http()]);
    let reached = |ran: &Ran| {
        let mut list: Vec<String> = serde_json::from_value(ran.ok().json()["delivered"].clone()).expect("a list");
        list.sort();
        list
    };
    let direct = post(4, &format!("bzzz://{}:*@default:*/", names[3]), "to one");
    assert_eq!(reached(&direct), [names[3].clone()]);
    let mut both = [names[1].clone(), names[2].clone()];
    both.sort();
    assert_eq!(reached(&post(0, "bzzz://*:security@default:*/", "to a role")), both);
    let mut all = names.clone();
    all.sort();
    assert_eq!(reached(&post(2, "bzzz://*:*@default:*/", "to all")), all);

    let wanted: [&[&str]; 5] = [
        &["to all"],
        &["to a role", "to all"],
        &["to a role", "to all"],
        &["to one", "to all"],
        &["to all"],
    ];
    for ((node, name), wanted) in nodes.iter().zip(&names).zip(wanted) {
        let mut got = until(&format!("{name} has {wanted:?}"), || {
            let got = inbox(&place, node, name);
            (got.len() >= wanted.len() && got.iter().all(|t| !t.is_empty())).then_some(got)
        });
        got.sort();
        let mut wanted = wanted.to_vec();
        wanted.sort_unstable();
        assert_eq!(got, wanted, "{name}");
    }
    until_same(&nodes);

    let http = nodes[1].http();
    place
        .run(&["post", "bzzz://nobody:*@default:*/", "x", "--node", &http])
        .fails(2, &["could not send the message", "there is no agent at", "try:"]);
    place
        .run(&["post", "bzzz://*:*@elsewhere:*/", "x", "--node", &http])
        .fails(2, &["there is no project elsewhere", "try:"]);
    // The look-up sees agents of other nodes by role, and the column of a slip is shown.
    let found = place
        .run(&["lookup", "bzzz://*:security@default:*/", "--json", "--node", &http])
        .ok()
        .json();
    assert_eq!(found["agents"].as_array().map(Vec::len), Some(2));
    place
        .run(&["lookup", "bzzz://a b:*@default:*/", "--node", &http])
        .fails(2, &["column 9"]);
}

const PLAN: &str = "bzzz://*:*@default:*/docs/plan.md";

fn write(place: &Place, node: &Node, text: &str, extra: &[&str]) -> Ran {
    let http = node.http();
    let mut args = vec!["post", PLAN, text, "--json", "--node", &http];
    args.extend(extra);
    place.run(&args)
}

fn version(place: &Place, node: &Node, at: &str) -> Option<(u64, String)> {
    let address = format!("bzzz://*:*@default:*/{at}docs/plan.md");
    let ran = place.run(&["get", &address, "--json", "--node", &node.http()]);
    let read: Value = serde_json::from_str(&ran.out).ok()?;
    Some((read["version"].as_u64()?, read["text"].as_str()?.to_owned()))
}

#[test]
fn versions_of_a_resource_are_read_and_conflicts_are_told() {
    let place = Place::new();
    let a = Start::new("a", "reviewer").up(&place);
    let b = Start::new("b", "security").peers(&[&a]).up(&place);
    until_live(&[&a, &b], 2);
    // In turns from two nodes; each waits until the version before has reached it.
    let first = write(&place, &a, "v1", &["--if-match", "none"]).ok().json();
    assert_eq!(first["version"], 1);
    for n in 2..=5 {
        let node = if n % 2 == 0 { &b } else { &a };
        let before = Some((n - 1, format!("v{}", n - 1)));
        until("the version before is here", || {
            (version(&place, node, "") == before).then_some(())
        });
        write(&place, node, &format!("v{n}"), &[]).ok();
    }
    for node in [&a, &b] {
        let is = |n: u64| Some((n, format!("v{n}")));
        until("version 5 is here", || {
            (version(&place, node, "*^/") == is(5)).then_some(())
        });
        for (at, wanted) in [
            ("", 5),
            ("*^/", 5),
            ("*~/", 5),
            ("*~2/", 2),
            ("*~5/", 5),
            ("~~1/", 4),
            ("~~4/", 1),
        ] {
            assert_eq!(version(&place, node, at), is(wanted), "{at}");
        }
    }
    let http = a.http();
    place
        .run(&["get", "bzzz://*:*@default:*/*~9/docs/plan.md", "--node", &http])
        .fails(2, &["could not read the resource", "9"]);
    place
        .run(&["get", "bzzz://*:*@default:*/~~5/docs/plan.md", "--node", &http])
        .fails(2, &["could not read the resource", "5"]);
    place
        .run(&["get", "bzzz://*:*@default:*/none.md", "--node", &http])
        .fails(2, &["there is no resource at", "try:"]);
    // Only on top of what was read.
    let tag = first["etag"].as_str().expect("a tag");
    write(&place, &a, "late", &["--if-match", tag]).fails(1, &["the resource has changed"]);
    write(&place, &a, "late", &["--if-match", "none"]).fails(1, &["the resource has changed"]);
    let latest = a.get(&format!("resource?address={PLAN}"));
    let tag = latest["etag"].as_str().expect("a tag");
    write(&place, &a, "v6", &["--if-match", tag]).ok();
    // Said twice, done once.
    let one = write(&place, &a, "v7", &["--idempotency-key", "k"]).ok().json();
    let two = write(&place, &a, "v7", &["--idempotency-key", "k"]).ok().json();
    assert_eq!(one["etag"], two["etag"]);
    assert_eq!(version(&place, &a, ""), Some((7, "v7".into())));
    let list = place
        .run(&["get", "bzzz://*:*@default:*/docs/", "--node", &http])
        .ok()
        .out
        .clone();
    assert_eq!(list, "plan.md\n");
}

#[test]
fn concurrent_writers_lose_nothing() {
    const EACH: usize = 10;
    let place = Place::new();
    let a = Start::new("a", "reviewer").up(&place);
    let b = Start::new("b", "security").peers(&[&a]).up(&place);
    until_live(&[&a, &b], 2);
    write(&place, &a, "start", &[]).ok();
    until("it is here", || version(&place, &b, ""));
    std::thread::scope(|scope| {
        for (node, name) in [(&a, "a"), (&a, "b"), (&b, "c"), (&b, "d")] {
            scope.spawn(move || {
                for n in 0..EACH {
                    let body = json!({ "address": PLAN, "text": format!("{name}{n}") });
                    assert_eq!(node.post("resource", &body).0, 200);
                }
            });
        }
    });
    let last = 1 + 4 * EACH as u64;
    for node in [&a, &b] {
        until("every write has a version", || {
            (version(&place, node, "")?.0 == last).then_some(())
        });
        let mut texts: Vec<String> = (1..=last)
            .map(|n| until("its text is here", || version(&place, node, &format!("*~{n}/"))).1)
            .collect();
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len() as u64, last, "{texts:?}");
    }
    until_same(&[&a, &b]);
}
