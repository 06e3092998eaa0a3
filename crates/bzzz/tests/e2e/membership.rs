//! Members of several owners: nobody is removed or let in by one of them alone.

use serde_json::{Value, json};

use crate::node::{Node, Start, until, until_seen};
use crate::support::Place;

/// A node of an owner of its own, whose person decides who comes in.
fn up(place: &Place, name: &str, peers: &[&Node]) -> Node {
    let settings = format!("[project]\nadmit = \"ask\"\n[node]\nowner = \"{name}\"\n");
    let file = place.file(&format!("{name}.toml"), &settings);
    let mut start = Start::new(name, "reviewer").peers(peers);
    start.extra = vec!["--config", &file];
    start.up(place)
}

fn peer(node: &Node) -> String {
    node.at["peer_id"].as_str().expect("a peer id").to_owned()
}

/// The question about a node, as another node sees it.
fn pending(node: &Node, peer: &str) -> Option<Value> {
    let list = node.try_get("members")?;
    let list = list["pending"].as_array()?;
    list.iter().find(|q| q["peer"] == peer).cloned()
}

fn is_member(node: &Node, peer: &str) -> bool {
    let list = node.get("members");
    list["members"]
        .as_array()
        .expect("a list")
        .iter()
        .any(|m| m["peer"] == peer)
}

/// The person at `at` says yes to a node.
fn admit(place: &Place, at: &Node, peer: &str) {
    until("the request is known", || pending(at, peer));
    place.run(&["admit", peer, "--node", &at.http()]).ok();
}

fn weight_for(node: &Node, peer: &str, weight: u64) {
    until("the word has arrived", || {
        (pending(node, peer)?["weight"] == json!(weight * 1_000_000)).then_some(())
    });
}

#[test]
fn owners_decide_together_who_comes_in_and_who_goes() {
    let place = Place::new();
    let a = up(&place, "ann", &[]);
    until_seen(&[&a], 1);
    let b = up(&place, "bob", &[&a]);
    admit(&place, &a, &peer(&b));
    until_seen(&[&a, &b], 2);
    let c = up(&place, "cat", &[&a, &b]);
    let c_id = peer(&c);
    admit(&place, &a, &c_id);
    weight_for(&b, &c_id, 1);
    assert!(!is_member(&b, &c_id), "one of two owners is not enough");
    admit(&place, &b, &c_id);
    until_seen(&[&a, &b, &c], 3);

    // A fourth owner needs all three: two of three are not more than two thirds.
    let d = up(&place, "dan", &[&a]);
    let d_id = peer(&d);
    admit(&place, &a, &d_id);
    admit(&place, &b, &d_id);
    weight_for(&c, &d_id, 2);
    assert!(!is_member(&c, &d_id));
    let listed = place.run(&["members", "--node", &c.http()]).ok().out.clone();
    assert!(
        listed.contains("more than 2 of the weight 3 is for it; 2 is so far"),
        "{listed}"
    );
    admit(&place, &c, &d_id);
    until_seen(&[&a, &b, &c, &d], 4);

    // One owner removes nobody; three of four do.
    for (n, by) in [&a, &b, &c].into_iter().enumerate() {
        assert!(is_member(by, &d_id), "{n} words are not enough");
        place.run(&["members", "remove", &d_id, "--node", &by.http()]).ok();
        if n < 2 {
            weight_for(&c, &d_id, n as u64 + 1);
        }
    }
    until("it is gone", || {
        (!is_member(&a, &d_id) && !is_member(&c, &d_id)).then_some(())
    });
    place
        .run(&["admit", &d_id, "--node", &a.http()])
        .fails(1, &["could not admit the node", "same key"]);
    let removed = "this node was removed from its project";
    until("the removed node says so", || d.log().contains(removed).then_some(()));
    assert!(!a.log().contains(removed), "{}", a.log());
    // A start says it again.
    let mut d = d;
    assert_eq!(d.end(rustix::process::Signal::TERM), Some(0), "{}", d.log());
    let before = d.log().matches(removed).count();
    let d = up(&place, "dan", &[]);
    until("it says so again", || {
        (d.log().matches(removed).count() > before).then_some(())
    });

    // Of three, the two others remove one, and the one alone nobody.
    place.run(&["members", "remove", &c_id, "--node", &a.http()]).ok();
    weight_for(&b, &c_id, 1);
    weight_for(&c, &c_id, 1);
    assert!(is_member(&b, &c_id) && is_member(&a, &c_id));
    place.run(&["members", "remove", &c_id, "--node", &b.http()]).ok();
    until("it is gone", || {
        (!is_member(&a, &c_id) && !is_member(&b, &c_id)).then_some(())
    });
    until_seen(&[&a, &b], 2);
}

#[test]
fn a_member_leaves_by_itself_and_a_typing_error_changes_nothing() {
    let place = Place::new();
    let a = up(&place, "ann", &[]);
    until_seen(&[&a], 1);
    let b = up(&place, "bob", &[&a]);
    let b_id = peer(&b);
    admit(&place, &a, &b_id);
    until_seen(&[&a, &b], 2);
    let http = b.http();
    place
        .run(&["leave", "--node", &http])
        .fails(2, &["nobody is there to confirm it", "--yes"]);
    let stranger = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp";
    let a_http = a.http();
    place.run(&["members", "remove", stranger, "--node", &a_http]).fails(
        2,
        &["could not remove the member", "there is no member", "bzzz members"],
    );
    place
        .run(&["members", "withdraw", stranger, "--node", &a_http])
        .fails(2, &["could not take the word back", "there is no word"]);
    place
        .run(&["admit", stranger, "--node", &a_http])
        .fails(2, &["could not admit the node", "there is no request for a seat"]);
    assert!(is_member(&a, &b_id));
    place.run(&["leave", "--yes", "--node", &http]).ok();
    until("it is gone", || (!is_member(&a, &b_id)).then_some(()));
    // Who stays goes on alone; who is the last one cannot go.
    until_seen(&[&a], 1);
    place
        .run(&["leave", "--yes", "--node", &a_http])
        .fails(1, &["could not leave the project", "one voting member"]);
}
