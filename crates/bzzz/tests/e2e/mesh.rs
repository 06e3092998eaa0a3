//! Three processes, one review.

use crate::node::{Start, example, three, until_live, until_same};
use crate::support::Place;

#[test]
fn agents_of_three_nodes_take_part_and_the_certificate_carries_three_keys() {
    let place = Place::new();
    let nodes = three(&place);
    let [a, b, c] = &nodes;
    let cert = place.path("cert.pem");
    let cert = cert.to_str().expect("a path");
    let http = b.http();
    let ran = place.run(&[
        "review",
        "--node",
        &http,
        &example(),
        "--format",
        "json",
        "--certificate",
        cert,
    ]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let report = ran.json();
    assert_eq!(report["verdict"], "request_changes");
    let texts = |field: &str, key: &str| -> Vec<String> {
        let list = report[field].as_array().expect("a list");
        let mut all: Vec<_> = list
            .iter()
            .map(|p| p[key].as_str().unwrap_or_default().to_owned())
            .collect();
        all.sort();
        all.dedup();
        all
    };
    assert_eq!(
        texts("participants", "role"),
        ["architect", "documentation", "performance", "reviewer", "security"]
    );
    let mut keys: Vec<String> = [a, b, c]
        .iter()
        .map(|n| n.get("status")["node"].as_str().expect("a key").to_owned())
        .collect();
    keys.sort();
    assert_eq!(texts("participants", "node"), keys);
    assert!(texts("messages", "text").iter().all(|t| !t.is_empty()), "{report:#}");
    assert!(!report["findings"].as_array().expect("a list").is_empty());

    let project = a.get("status")["project"]["id"].as_str().expect("an id").to_owned();
    let verified = place
        .run(&["verify", cert, "--json", "--project", &project])
        .ok()
        .json();
    assert_eq!(verified["verified"]["nodes"], 3);
    assert_eq!(verified["verified"]["pinned"], true);
    let mut voters: Vec<String> = verified["verified"]["voters"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|v| v["node"].as_str().expect("a key").to_owned())
        .collect();
    voters.sort();
    voters.dedup();
    assert_eq!(voters, keys);

    until_same(&[a, b, c]);
    // Whoever looks, on whichever node, reads the same report.
    let thread = &a.threads()[0].0;
    let mut reports = [a, b, c].map(|n| n.get(&format!("threads/{thread}/report")));
    for report in &mut reports {
        assert_eq!(report["report"]["verdict"], "request_changes");
    }
    assert_eq!(reports[0]["report"]["findings"], reports[2]["report"]["findings"]);
    assert_eq!(reports[0]["report"]["messages"], reports[1]["report"]["messages"]);
}

#[test]
fn a_node_is_found_by_its_addresses_and_by_its_folder() {
    let place = Place::new();
    let a = Start::new("a", "security").up(&place);
    until_live(&[&a], 1);
    let http = a.http();
    let bare = http.trim_start_matches("http://");
    for node in [http.as_str(), bare, &format!("{http}/")] {
        let list = place.run(&["agents", "--json", "--node", node]).ok().json();
        assert_eq!(list["agents"][0]["role"], "security");
    }
    let data = a.data().to_str().expect("a path");
    let list = place.run(&["agents", "--json", "--data", data]).ok().json();
    assert_eq!(list["agents"][0]["role"], "security");
    // The review runs in the node of the folder, not in a second one.
    let before = a.threads().len();
    let ran = place.run(&["review", &example(), "--data", data, "--format", "json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(a.threads().len(), before + 1);
    place
        .run(&["agents", "--node", "/ip4/127.0.0.1/tcp/1"])
        .fails(2, &["peer-to-peer address", "try:"]);
    place.run(&["agents", "--node", "127.0.0.1:1"]).fails(
        4,
        &[
            "could not list the agents",
            "no node answered at http://127.0.0.1:1",
            "try:",
        ],
    );
}
