//! Damaged data: a database that is none, a page of noise, one flipped bit in an event.

use std::path::{Path, PathBuf};

use bzzz_core::crypto::Hash;
use bzzz_store::{EventRow, Store, StoreConfig};

use crate::node::{Start, example};
use crate::support::Place;

/// A data folder with a review in it, closed in order.
fn reviewed(place: &Place) -> PathBuf {
    let data = place.path("a");
    let ran = place.run(&[
        "review",
        &example(),
        "--data",
        data.to_str().expect("a path"),
        "--format",
        "json",
    ]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    data
}

/// What every command says about a damaged database; the file stays as it is.
fn refused(place: &Place, data: &Path) {
    let database = data.join("bzzz.db");
    let before = std::fs::read(&database).expect("a file");
    let folder = data.to_str().expect("a path");
    for args in [
        &[
            "up",
            "--data",
            folder,
            "--p2p",
            "/ip4/127.0.0.1/tcp/0",
            "--http",
            "127.0.0.1:0",
        ][..],
        &["review", &example(), "--data", folder],
        &["log", "verify", "--data", folder],
    ] {
        let ran = place.run(args);
        ran.fails(
            5,
            &[
                "error: could not",
                "because:",
                "bzzz.db is damaged",
                "try:",
                "bzzz restore",
            ],
        );
    }
    assert_eq!(
        std::fs::read(&database).expect("a file"),
        before,
        "the file was left as it is"
    );
}

#[test]
fn a_damaged_header_is_told_and_nothing_is_touched() {
    let place = Place::new();
    let data = reviewed(&place);
    let database = data.join("bzzz.db");
    let mut bytes = std::fs::read(&database).expect("a file");
    bytes[..16].copy_from_slice(b"no database here");
    std::fs::write(&database, bytes).expect("a file");
    refused(&place, &data);
}

#[test]
fn a_damaged_page_is_told_and_nothing_is_touched() {
    let place = Place::new();
    let data = reviewed(&place);
    let database = data.join("bzzz.db");
    let mut bytes = std::fs::read(&database).expect("a file");
    let end = bytes.len();
    assert!(end > 16 * 4096, "{end}");
    // All but the header and the schema.
    bytes[2 * 4096..end - 4096].fill(0xA5);
    std::fs::write(&database, bytes).expect("a file");
    refused(&place, &data);
}

/// All stored events.
fn rows(data: &Path) -> Vec<EventRow> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let store = Store::open(StoreConfig::sqlite(data)).expect("a store");
        let head = store.heads().await.expect("heads")[0];
        let rows = store.events(head.feed, 0, 1_000).await.expect("events");
        store.close().await.expect("closed");
        rows
    })
}

/// Flips one bit of an event where it lies in the file.
fn flip(data: &Path, row: &EventRow, at: usize) {
    let database = data.join("bzzz.db");
    let mut file = std::fs::read(&database).expect("a file");
    let places: Vec<usize> = file
        .windows(row.bytes.len())
        .enumerate()
        .filter(|(_, w)| *w == row.bytes)
        .map(|(i, _)| i)
        .collect();
    assert_eq!(places.len(), 1, "the event lies in one piece");
    file[places[0] + at] ^= 1;
    std::fs::write(&database, file).expect("a file");
}

/// An event in the middle of the feed that lies in the file in one piece.
fn small(rows: &[EventRow]) -> &EventRow {
    let middle = rows.iter().skip(rows.len() / 3);
    middle.min_by_key(|row| row.bytes.len()).expect("an event")
}

#[test]
fn a_flipped_bit_in_an_event_is_named_by_feed_and_number() {
    let place = Place::new();
    let data = reviewed(&place);
    let folder = data.to_str().expect("a path");
    let all = rows(&data);
    let row = small(&all);
    // In the middle of what is signed.
    flip(&data, row, row.bytes.len() / 3);
    let node = Hash(row.feed.node).to_string();
    let words = [&node[..12], &format!("event {}:", row.seq)];
    let ran = place.run(&["log", "verify", "--data", folder]);
    assert_eq!(ran.code, Some(5), "{ran:?}");
    for word in words {
        assert!(ran.out.contains(word), "{word}: {ran:?}");
    }
    not_started(&place, &data, row);
}

/// A node must not build on it: it would write a second event with a number that is taken, or hand on what
/// nobody accepts.
fn not_started(place: &Place, data: &Path, row: &EventRow) {
    let folder = data.to_str().expect("a path");
    let node = Hash(row.feed.node).to_string();
    for args in [
        &[
            "up",
            "--data",
            folder,
            "--p2p",
            "/ip4/127.0.0.1/tcp/0",
            "--http",
            "127.0.0.1:0",
        ][..],
        &["review", &example(), "--data", folder],
    ] {
        let ran = place.run(args);
        ran.fails(
            5,
            &[
                "could not start a node on",
                "because:",
                &node[..12],
                &format!("event {}", row.seq),
                "try:",
                "bzzz restore",
            ],
        );
    }
}

#[test]
fn a_running_node_names_an_event_whose_signature_was_flipped() {
    let place = Place::new();
    let data = reviewed(&place);
    let all = rows(&data);
    let row = small(&all);
    // The signature is the last field, and no part of the hash chain.
    let node = Start::new("a", "security").up(&place);
    flip(&data, row, row.bytes.len() - 1);
    let ran = place.run(&["log", "verify", "--json", "--node", &node.http()]);
    assert_eq!(ran.code, Some(5), "{ran:?}");
    let details = ran.json()["details"].as_array().expect("a list").clone();
    // This one event, and none of those that come after it.
    assert_eq!(details.len(), 1, "{details:?}");
    let text = details[0].as_str().expect("a text");
    let author = Hash(row.feed.node).to_string();
    for word in [&author[..12], &format!("event {}:", row.seq), "signature"] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn a_node_does_not_start_on_a_flipped_signature() {
    let place = Place::new();
    let data = reviewed(&place);
    let all = rows(&data);
    let row = small(&all);
    flip(&data, row, row.bytes.len() - 1);
    not_started(&place, &data, row);
}

#[test]
fn a_log_that_was_set_back_is_not_valid_until_it_is_restored() {
    let place = Place::new();
    let data = reviewed(&place);
    let folder = data.to_str().expect("a path");
    let written = |name: &str| {
        let ran = place.run(&["log", "verify", "--json", "--data", folder]);
        place.file(name, &ran.ok().out)
    };
    let early = written("early.json");
    std::fs::copy(data.join("bzzz.db"), place.path("early.db")).expect("a copy");
    reviewed(&place);
    let late = written("late.json");
    // What was is still there, and more.
    place
        .run(&["log", "verify", "--data", folder, "--against", &early])
        .ok();

    std::fs::copy(place.path("early.db"), data.join("bzzz.db")).expect("set back");
    let backup = place.path("copy.db");
    let backup = backup.to_str().expect("a path");
    place.run(&["backup", backup, "--data", folder]).ok();
    let not_valid = |args: &[&str], words: &str| {
        let ran = place.run(args);
        assert_eq!(ran.code, Some(5), "{ran:?}");
        assert!(ran.out.starts_with("not valid: 1 fault in"), "{ran:?}");
        let flat = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(words), "{words}: {flat}");
    };
    not_valid(&["log", "verify", "--data", folder], "its end was cut off");
    // The folder as a whole was set back: only what lies elsewhere tells.
    std::fs::remove_file(data.join("heads.json")).expect("a file");
    let ran = place.run(&["log", "verify", "--data", folder]);
    assert!(ran.ok().out.contains("no heads.json here yet"), "{ran:?}");
    not_valid(
        &["log", "verify", "--data", folder, "--against", &late],
        "late.json knows event",
    );
    let node = Start::new("a", "security").up(&place);
    not_valid(
        &["log", "verify", "--node", &node.http(), "--against", &late],
        "late.json knows event",
    );
    place
        .run(&["log", "verify", "--node", &node.http(), "--against", &early])
        .ok();

    // A restore is no tampering: what was known of the folder before does not count.
    let restored = place.path("c");
    std::fs::create_dir(&restored).expect("a folder");
    let path = restored.to_str().expect("a path");
    std::fs::write(restored.join("heads.json"), "of a life before").expect("a file");
    place.run(&["restore", backup, "--data", path]).ok();
    place.run(&["log", "verify", "--data", path]).ok();
    let manifest = format!("{backup}.manifest.json");
    place
        .run(&["log", "verify", "--data", path, "--against", &manifest])
        .ok();
    // A damaged file is not taken for one that says nothing.
    std::fs::write(restored.join("heads.json"), "damaged").expect("a file");
    let ran = place.run(&["log", "verify", "--data", path]);
    assert_eq!(ran.code, Some(5), "{ran:?}");
    assert!(ran.out.contains("heads.json"), "{ran:?}");
    for bad in ["not json", "{}", "{\"heads\":[{\"project\":\"x\"}]}"] {
        let file = place.file("bad.json", bad);
        place
            .run(&["log", "verify", "--data", path, "--against", &file])
            .fails(2, &["could not compare the log with", "try:"]);
    }
}
