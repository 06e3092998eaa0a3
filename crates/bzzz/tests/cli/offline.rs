//! Work on the data of a node that does not run: a real store in a real folder.

use bzzz_store::{Store, StoreConfig};

use crate::support::Place;

/// An empty but real database in `d`.
fn data(place: &Place) -> Store {
    Store::open(StoreConfig::sqlite(place.path("d"))).expect("a store")
}

fn close(store: &Store) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(store.close()).expect("closed");
}

#[test]
fn backup_restore_and_checks_go_round() {
    let place = Place::new();
    close(&data(&place));
    let d = ["--data", "d", "--json"];
    let with = |args: &[&str]| place.run(&args.iter().chain(&d).copied().collect::<Vec<_>>());
    assert_eq!(with(&["log", "verify"]).ok().json()["valid"], true);
    assert!(with(&["backup", "b.db"]).ok().json()["sha256"].is_string());
    assert!(place.path("b.db").exists());
    with(&["rebuild"]).ok();
    let restored = place.run(&["restore", "b.db", "--data", "e"]);
    assert!(restored.ok().out.contains("bzzz up --data e"), "{restored:?}");
    assert!(restored.out.contains("keys: a backup holds none"), "{restored:?}");
    place.run(&["log", "verify", "--data", "e"]).ok();
    place
        .run(&["restore", "b.db", "--data", "e"])
        .fails(2, &["could not restore", "because:"]);
    // A flipped bit in the backup is found before anything is restored.
    let mut bytes = std::fs::read(place.path("b.db")).expect("the backup");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(place.path("b.db"), bytes).expect("written");
    place
        .run(&["restore", "b.db", "--data", "f"])
        .fails(5, &["could not restore"]);
}

#[test]
fn a_folder_without_data_is_not_made() {
    let place = Place::new();
    for args in [&["log", "verify"][..], &["rebuild"], &["backup", "b.db"]] {
        let args: Vec<&str> = args.iter().copied().chain(["--data", "nothing"]).collect();
        place.run(&args).fails(2, &["holds no data of a node", "--data DIR"]);
    }
    assert!(!place.path("nothing").exists());
}

#[test]
fn lists_of_a_stopped_node_come_from_its_folder() {
    let place = Place::new();
    close(&data(&place));
    for args in [
        &["thread", "list"][..],
        &["task", "list"],
        &["escalations", "list"],
        &["agents"],
    ] {
        let args: Vec<&str> = args.iter().copied().chain(["--data", "d"]).collect();
        let ran = place.run(&args);
        assert!(ran.ok().out.starts_with("no "), "{ran:?}");
        assert!(ran.err.contains("no node runs on d: read from its folder"), "{ran:?}");
    }
    // What changes something still needs the node.
    place
        .run(&["thread", "close", "abcd", "--data", "d"])
        .fails(4, &["could not find a running node"]);
}

#[test]
fn rows_that_cannot_be_read_are_told_and_rebuilt() {
    use bzzz_core::projection::VERSION;
    use bzzz_store::{Batch, Projection};
    let place = Place::new();
    let store = data(&place);
    let change = |name: &str, value: &[u8]| Projection {
        name: name.to_owned(),
        key: vec![3; 32],
        value: Some(value.to_vec()),
    };
    let damage = Batch {
        projections: vec![change("projects", b"no row"), change("threads", b"no row")],
        meta: vec![("projections".to_owned(), Some(VERSION.to_be_bytes().to_vec()))],
        ..Batch::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(store.append(damage)).expect("written");
    close(&store);
    place
        .run(&["thread", "list", "--data", "d"])
        .fails(5, &["could not list the threads", "bzzz rebuild"]);
    let ran = place.run(&["rebuild", "--data", "d"]);
    assert!(
        ran.ok().out.contains("2 were wrong and are mended (2 of nothing"),
        "{ran:?}"
    );
    assert_eq!(
        place.run(&["rebuild", "--data", "d"]).ok().out,
        "0 rows from 0 events: all were right\n"
    );
    place.run(&["thread", "list", "--data", "d"]).ok();
}

#[test]
fn a_folder_that_a_node_has_open_is_left_to_it() {
    let place = Place::new();
    let store = data(&place);
    place
        .run(&["log", "verify", "--data", "d"])
        .fails(4, &["could not find a running node"]);
    close(&store);
}

#[test]
fn a_damaged_database_is_status_5() {
    let place = Place::new();
    close(&data(&place));
    std::fs::write(place.path("d/bzzz.db"), vec![7_u8; 8_192]).expect("written");
    place
        .run(&["log", "verify", "--data", "d"])
        .fails(5, &["could not check the log", "damaged", "try:"]);
}
