//! Erasing the texts of a thread: gone from every file of this node, the record as sound as before, the other member's untouched.

use std::path::Path;

use rustix::process::Signal;

use crate::node::{Node, Start, until_live, until_same};
use crate::support::{Place, Ran};

/// Stands in the diff that is reviewed, and nowhere else.
const SECRET: &str = "correct-horse-battery-staple";

/// A diff with a secret in it.
fn diff(place: &Place) -> String {
    let text = format!(
        "--- a/app.py\n+++ b/app.py\n@@ -1,3 +1,7 @@\n import sqlite3\n \n def find(db, name):\n\
         +    # {SECRET}\n+    query = \"SELECT * FROM users WHERE name = '%s'\" % name\n\
         +    return db.execute(query).fetchall()\n+\n"
    );
    place.file("secret.diff", text)
}

/// Reviews it; gives the thread and the hash of its subject.
fn review(place: &Place, args: &[&str]) -> (String, String) {
    let diff = diff(place);
    let cert = place.path("certificate.pem");
    let cert = cert.to_str().expect("a path");
    let fixed = [
        "review",
        &diff,
        "--format",
        "json",
        "--deadline",
        "20",
        "--certificate",
        cert,
    ];
    let ran = place.run(&fixed.iter().chain(args).copied().collect::<Vec<_>>());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let report = ran.json();
    let text = |at: &str| report.pointer(at).and_then(|v| v.as_str()).expect("a text").to_owned();
    let thread = text("/thread");
    let id = thread.rsplit('/').next().expect("an id").to_owned();
    (id, text("/subject/hash"))
}

/// Files of a data folder in which the secret stands.
fn traces(data: &Path) -> Vec<String> {
    let holds = |path: &Path| {
        let bytes = std::fs::read(path).unwrap_or_default();
        bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
    };
    let files = std::fs::read_dir(data)
        .expect("a folder")
        .map(|e| e.expect("an entry").path());
    files
        .filter(|path| holds(path))
        .map(|path| path.display().to_string())
        .collect()
}

/// Whether the node still shows what was reviewed.
fn shows(place: &Place, node: &Node, thread: &str) -> bool {
    let ran = place.run(&["thread", "show", thread, "--json", "--node", &node.http()]);
    ran.ok().out.contains("app.py")
}

fn said(ran: &Ran, words: &[&str]) {
    for word in words {
        assert!(ran.ok().out.contains(word), "{word}: {ran:?}");
    }
}

#[test]
fn a_running_node_forgets_the_texts_of_a_thread_and_its_record_holds() {
    let place = Place::new();
    let a = Start::new("a", "security").up(&place);
    let b = Start::new("b", "reviewer").peers(&[&a]).up(&place);
    until_live(&[&a, &b], 2);
    let (thread, _) = review(&place, &["--node", &a.http()]);
    until_same(&[&a, &b]);
    assert!(!traces(a.data()).is_empty(), "the search finds what is there");
    assert!(shows(&place, &a, &thread) && shows(&place, &b, &thread));

    let ran = place.run(&["erase", &thread[..12], "--yes", "--node", &a.http()]);
    said(
        &ran,
        &[
            "erased ",
            &format!("of thread {}", &thread[..12]),
            "other members, backups",
        ],
    );
    assert_eq!(traces(a.data()), [""; 0]);
    assert!(!shows(&place, &a, &thread), "not from memory either");
    let checked = place.run(&["log", "verify", "--json", "--node", &a.http()]).ok().json();
    assert!(checked["erased"].as_u64() > Some(3), "{checked}");
    assert_eq!(checked["missing_count"], 0, "{checked}");
    let cert = place.path("certificate.pem");
    place.run(&["verify", cert.to_str().expect("a path")]).ok();

    // The other member has its own, and does not give them back.
    assert!(shows(&place, &b, &thread));
    let again = place
        .run(&["erase", &thread, "--yes", "--json", "--node", &a.http()])
        .ok()
        .json();
    assert_eq!(
        (again["erased"].as_u64(), again["absent"].as_u64()),
        (Some(0), Some(0)),
        "{again}"
    );
    let mut a = a;
    assert_eq!(a.end(Signal::TERM), Some(0), "{}", a.log());
    let a = Start::new("a", "security").peers(&[&b]).up(&place);
    until_live(&[&a, &b], 2);
    until_same(&[&a, &b]);
    // A later review works, and what was erased is still not here.
    let (second, _) = review(&place, &["--node", &b.http()]);
    until_same(&[&a, &b]);
    assert!(shows(&place, &a, &second) && !shows(&place, &a, &thread));
}

#[test]
fn a_stopped_node_forgets_a_thread_or_one_text() {
    let place = Place::new();
    let (thread, _) = review(&place, &["--data", "d"]);
    let data = place.path("d");
    assert!(!traces(&data).is_empty(), "the search finds what is there");
    for (args, words) in [
        (&["erase", &thread, "--data", "d"][..], "nobody is there to confirm it"),
        (&["erase", "--yes", "--data", "d"], "--hash"),
        (
            &["erase", "ffffffff", "--yes", "--data", "d"],
            "there is no thread ffffffff",
        ),
        (
            &["erase", "--hash", "ffffffff", "--yes", "--data", "d"],
            "there is no text ffffffff",
        ),
        (&["erase", "x", "--yes", "--data", "d"], "hex digits"),
        (
            &["erase", &thread, "--yes", "--data", "none"],
            "holds no data of a node",
        ),
    ] {
        place.run(args).fails(2, &[words]);
    }
    let before = place.run(&["log", "verify", "--json", "--data", "d"]).ok().json();
    let ran = place
        .run(&["erase", &thread, "--yes", "--json", "--data", "d"])
        .ok()
        .json();
    assert_eq!(
        (&ran["thread"], &ran["already"], &ran["absent"]),
        (&thread.into(), &0.into(), &0.into())
    );
    assert_eq!(
        ran["erased"], before["texts"],
        "everything here was said in that thread"
    );
    assert!(ran["bytes"].as_u64() > Some(100), "{ran}");
    assert_eq!(traces(&data), [""; 0]);
    let after = place.run(&["log", "verify", "--json", "--data", "d"]).ok().json();
    assert_eq!((&after["texts"], &after["erased"]), (&0.into(), &before["texts"]));
    assert_eq!(after["events"], before["events"]);

    // One text of the next one, by its hash: the change itself, which the report names.
    let (_, hash) = review(&place, &["--data", "d"]);
    let ran = place.run(&["erase", "--hash", &hash, "--yes", "--data", "d"]);
    said(&ran, &["erased 1 text (", &format!("of hash {}", &hash[..12])]);
    let last = place.run(&["log", "verify", "--json", "--data", "d"]).ok().json();
    let number = |value: &serde_json::Value| value.as_u64().expect("a number");
    assert_eq!(number(&last["erased"]), number(&before["texts"]) + 1);
}
