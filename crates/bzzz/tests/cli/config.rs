//! Settings through the program: files, variables, flags, and what is said when they are wrong.

use crate::support::Place;

#[test]
fn unknown_keys_name_file_line_and_nearest_key() {
    let place = Place::new();
    let file = place.file("my.toml", "[p2p]\nlisen = []\n\n[budget]\ntask = 1.5\n");
    let ran = place.run(&["config", "check", "--config", &file]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    for words in ["my.toml:2", "p2p.listen", "my.toml:5", "1.50 USD"] {
        assert!(ran.out.contains(words), "{words}: {}", ran.out);
    }
    let json = place.run(&["config", "check", "--json", "--config", &file]);
    assert_eq!(json.code, Some(2));
    assert_eq!(json.json()["problems"].as_array().map(Vec::len), Some(2));
    assert_eq!(json.json()["ok"], false);
    place
        .run(&["agents", "--config", &file])
        .fails(2, &["my.toml:2", "1 more", "did you mean `p2p.listen`"]);
}

#[test]
fn the_environment_wins_over_the_file_and_flags_over_both() {
    let place = Place::new();
    let data = place.path("d").to_string_lossy().into_owned();
    place.run(&["init", "--data", &data, "--owner", "Ada"]).ok();
    let show = |variables: &[(&str, &str)], extra: &[&str]| {
        let args: Vec<&str> = ["config", "show", "--json"].iter().chain(extra).copied().collect();
        let ran = place.run_env(&args, variables);
        ran.ok();
        ran.json()
    };
    let entry = |listing: &serde_json::Value, key: &str| {
        let list = listing["settings"].as_array().expect("a list");
        list.iter().find(|entry| entry["key"] == key).expect("the key").clone()
    };
    let listing = show(
        &[
            ("BZZZ_DATA", &data),
            ("BZZZ_LOG_LEVEL", "debug"),
            ("BZZZ_P2P__LISTEN", "/ip4/127.0.0.1/tcp/0,/ip6/::1/tcp/0"),
        ],
        &[],
    );
    assert_eq!(entry(&listing, "data")["source"], "environment BZZZ_DATA");
    assert_eq!(entry(&listing, "node.owner")["value"], "Ada");
    assert!(
        entry(&listing, "node.owner")["source"]
            .as_str()
            .is_some_and(|source| source.contains("bzzz.toml:"))
    );
    assert_eq!(entry(&listing, "log.level")["value"], "debug");
    assert_eq!(entry(&listing, "p2p.listen")["value"].as_array().map(Vec::len), Some(2));
    let listing = show(&[("BZZZ_DATA", "/nowhere")], &["--data", &data]);
    assert_eq!(entry(&listing, "data")["source"], "flag --data");
}

#[test]
fn unknown_variables_are_errors_too() {
    let ran = Place::new().run_env(
        &["config", "check"],
        &[("BZZZ_REVIEW__DEADLINES", "3"), ("BZZZ_AGENT_ID", "x")],
    );
    assert_eq!(ran.code, Some(2));
    assert!(ran.out.contains("did you mean BZZZ_REVIEW__DEADLINE_S?"), "{}", ran.out);
    assert!(ran.out.contains("warning: environment BZZZ_AGENT_ID"), "{}", ran.out);
}

#[test]
fn a_missing_or_broken_file_is_told() {
    let place = Place::new();
    let check = |file: &str| place.run(&["config", "check", "--config", file]);
    assert!(check("none.toml").out.contains("none.toml:1: could not be read"));
    let bytes = place.file("bytes.toml", b"a = \"\xff\"");
    assert!(check(&bytes).out.contains("is not UTF-8"));
    let folder = place.path("").to_string_lossy().into_owned();
    assert!(check(&folder).out.contains("is a folder"));
    let broken = place.file("broken.toml", "[p2p]\nlisten = [\n");
    let ran = check(&broken);
    assert_eq!(ran.code, Some(2));
    assert!(ran.out.contains("this is not TOML"), "{}", ran.out);
    let postgres = place.file("pg.toml", "[store]\nurl = \"postgres://u:hunter2@h/d\"\n");
    let ran = check(&postgres);
    assert!(
        ran.out.contains("no PostgreSQL") && !ran.out.contains("hunter2"),
        "{}",
        ran.out
    );
}

#[test]
fn init_writes_once_and_keeps_what_is_there() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let first = place.run(&["init", "--data", "d", "--json", "--name", "walnut"]);
    assert_eq!(first.ok().json()["written"], true);
    assert_eq!(
        std::fs::metadata(place.path("d"))
            .expect("the folder")
            .permissions()
            .mode()
            & 0o777,
        0o700
    );
    let before = std::fs::read_to_string(place.path("d/bzzz.toml")).expect("the file");
    assert!(before.contains("name = \"walnut\""));
    assert_eq!(
        place.run(&["init", "--data", "d", "--json"]).ok().json()["written"],
        false
    );
    place
        .run(&["init", "--data", "d", "--owner", "Bob"])
        .fails(2, &["it is there already", "--force"]);
    assert_eq!(
        std::fs::read_to_string(place.path("d/bzzz.toml")).expect("the file"),
        before
    );
    place.run(&["init", "--data", "d", "--owner", "Bob", "--force"]).ok();
    place.run(&["config", "check", "--data", "d"]).ok();
    place
        .run(&["init", "--data", "d", "--name", "a b"])
        .fails(2, &["--name"]);
    place.file("f", "");
    place.run(&["init", "--data", "f"]).fails(6, &["a file of that name"]);
}
