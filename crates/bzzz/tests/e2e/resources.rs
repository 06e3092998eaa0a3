//! Writers of one resource at several nodes: who is first, who is told so, and that nothing that was written is out of sight.

use serde_json::Value;

use crate::node::{Node, ROLES, Start, three, until, until_live, until_same};
use crate::support::{Place, Ran};

const PLAN: &str = "bzzz://*:*@default:*/plan.md";

fn post(place: &Place, node: &Node, text: &str, extra: &[&str]) -> Ran {
    let http = node.http();
    place.run(&[&["post", PLAN, text, "--node", &http], extra].concat())
}

fn get(place: &Place, node: &Node, extra: &[&str]) -> Ran {
    let http = node.http();
    place.run(&[&["get", PLAN, "--node", &http], extra].concat())
}

/// The answer about the resource, once `wanted` says yes to it.
fn until_read(node: &Node, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    until(what, || {
        let read = node.get(&format!("resource?address={PLAN}"));
        wanted(&read).then_some(read)
    })
}

/// The first version, at its home, and its tag; all nodes have it.
fn first(place: &Place, nodes: &[&Node]) -> String {
    let said = post(place, nodes[0], "first", &["--if-match", "none", "--json"])
        .ok()
        .json();
    assert_eq!((&said["version"], &said["state"]), (&1.into(), &"version".into()));
    for node in nodes {
        until_read(node, "the first version is here", |read| read["version"] == 1);
    }
    said["etag"].as_str().expect("a tag").to_owned()
}

#[test]
fn of_two_writers_on_one_base_one_has_the_version_and_the_other_is_told() {
    let place = Place::new();
    let [a, b, c] = three(&place);
    let mut tag = first(&place, &[&a, &b, &c]);
    for round in 2..=4u64 {
        let (one, two) = std::thread::scope(|scope| {
            let one = scope.spawn(|| post(&place, &b, "of b", &["--if-match", &tag]));
            let two = scope.spawn(|| post(&place, &c, "of c", &["--if-match", &tag]));
            (one.join().expect("a run"), two.join().expect("a run"))
        });
        let (won, lost, text) = match one.code {
            Some(0) => (&one, &two, "of b\n"),
            _ => (&two, &one, "of c\n"),
        };
        assert!(won.ok().out.contains(&format!("wrote version {round} of")), "{won:?}");
        lost.fails(1, &["the resource has changed", "its latest write is"]);
        until_same(&[&a, &b, &c]);
        let read = get(&place, &a, &["--json"]).ok().json();
        assert_eq!(read["version"], round);
        tag = read["etag"].as_str().expect("a tag").to_owned();
        assert!(lost.err.contains(&tag), "it names what came first: {lost:?}");
        assert_eq!(get(&place, &b, &[]).ok().out, text);
    }
}

#[test]
fn while_the_home_is_away_writes_are_siblings_and_none_of_them_is_lost() {
    let place = Place::new();
    let [mut a, b, c] = three(&place);
    let tag = first(&place, &[&a, &b, &c]);
    a.kill();
    // Nobody can say yet whether the condition holds; without one there is nothing to doubt.
    let at_b = post(&place, &b, "of b", &["--if-match", &tag]);
    assert_eq!(at_b.code, Some(4), "{at_b:?}");
    for words in ["recorded, not yet a version", "the resource's home", "--tag"] {
        assert!(at_b.out.contains(words), "{at_b:?}");
    }
    let at_c = post(
        &place,
        &c,
        "of c",
        &["--if-match", &tag, "--json", "--idempotency-key", "k"],
    );
    assert_eq!(at_c.code, Some(4), "{at_c:?}");
    let said = at_c.json();
    assert_eq!((&said["version"], &said["state"]), (&Value::Null, &"waiting".into()));
    let lost = said["etag"].as_str().expect("a tag").to_owned();
    let plain = post(&place, &c, "without a condition", &["--json"]).ok().json();
    assert_eq!((&plain["version"], &plain["state"]), (&Value::Null, &"waiting".into()));

    // The version is what it was; beside it stand the others, with a way to read each.
    until_read(&b, "the siblings are here", |read| read["siblings"] == 3);
    let read = get(&place, &b, &[]);
    assert_eq!(read.ok().out, "first\n");
    assert!(
        read.err.contains("3 writes of this resource are no versions"),
        "{read:?}"
    );
    assert_eq!(read.err.matches("waits for the resource's home").count(), 3, "{read:?}");
    assert!(read.err.contains(&format!("--tag {}", &lost[..12])), "{read:?}");
    let list = b.get("lookup?address=bzzz://*:*@default:*/&kind=resources");
    assert_eq!(
        (&list["resources"][0]["version"], &list["resources"][0]["siblings"]),
        (&1.into(), &3.into())
    );
    let of_c = |node: &Node| {
        until("its text is here", || {
            let read = get(&place, node, &["--tag", &lost[..12]]);
            (read.code == Some(0)).then_some(read.out)
        })
    };
    assert_eq!(of_c(&b), "of c\n");
    get(&place, &b, &["--tag", "ffffffff"]).fails(2, &["there is no write with the tag ffffffff"]);

    // Back again, the home orders them; what has lost is kept.
    let a = Start::new("a", ROLES[0]).peers(&[&b, &c]).up(&place);
    until_live(&[&a, &b, &c], 3);
    until_same(&[&a, &b, &c]);
    for node in [&a, &b, &c] {
        let read = until_read(node, "all are ordered", |read| read["version"] == 3);
        assert_eq!(read["siblings"], 1, "{read:#}");
        assert_eq!(read["sibling_writes"][0]["state"], "refused");
        assert_eq!(of_c(node), "of c\n");
    }
    // Which of the two conditional writes came to the home first is for the network to say; the other one is refused, and kept.
    let refused = get(&place, &a, &["--json"]).ok().json()["sibling_writes"][0]["etag"].clone();
    let refused = refused.as_str().expect("a tag");
    let c_lost = refused == lost;
    let text = get(&place, &a, &["--tag", &refused[..12]]).ok().out.clone();
    assert_eq!(text, if c_lost { "of c\n" } else { "of b\n" });
    let read = get(&place, &a, &[]);
    assert_eq!(read.ok().out, "without a condition\n");
    assert!(read.err.contains("another was first"), "{read:?}");
    // Asked again under its key, the writer hears how it ended.
    let again = post(&place, &c, "of c", &["--if-match", &tag, "--idempotency-key", "k"]);
    match c_lost {
        true => {
            again.fails(1, &["the resource has changed", &lost, "--tag"]);
        }
        false => assert!(again.ok().out.contains("wrote version 2"), "{again:?}"),
    }
}

#[test]
fn an_idempotency_key_is_for_one_text() {
    let place = Place::new();
    let a = Start::new("a", "reviewer").up(&place);
    until_live(&[&a], 1);
    let key = ["--idempotency-key", "k"];
    let first = post(&place, &a, "text", &key).ok().out.clone();
    assert_eq!(post(&place, &a, "text", &key).ok().out, first);
    post(&place, &a, "other", &key).fails(1, &["the idempotency key \"k\" was used before", "use a new key"]);
    assert_eq!(get(&place, &a, &[]).ok().out, "text\n");
    let http = a.http();
    let send = |text: &str, extra: &[&str]| {
        let args = [
            "post",
            "bzzz://*:reviewer@default:*/",
            text,
            "--node",
            &http,
            "--idempotency-key",
            "m",
        ];
        place.run(&[&args[..], extra].concat())
    };
    send("text", &[]).ok();
    send("text", &[]).ok();
    send("other", &[]).fails(1, &["was used before"]);
    send("text", &["--kind", "question"]).fails(1, &["was used before"]);
    let inbox = a.get("resource?address=bzzz://*:reviewer@default:*/inbox");
    assert_eq!(inbox["messages"].as_array().map(Vec::len), Some(1), "{inbox:#}");
}
