//! The command line itself.

use crate::support::{DIFF, Place};

#[test]
fn help_holds_the_exit_statuses() {
    let ran = Place::new().run(&["--help"]);
    ran.ok();
    for words in [
        "Exit status:",
        "3  a person has to decide",
        "--data <DIR>",
        "escalations",
    ] {
        assert!(ran.out.contains(words), "{words}");
    }
    assert!(
        Place::new()
            .run(&["review", "--help"])
            .ok()
            .out
            .contains("Exit status:")
    );
}

#[test]
fn wrong_flags_are_usage_errors() {
    let place = Place::new();
    for args in [
        &["reviw"][..],
        &[],
        &["review", "--fail-on", "bad", "x"],
        &["review", "--base", "x"],
        &["review", "x", "--repo", "y"],
        &["agents", "--rol", "x"],
        &["thread", "vote", "1", "perhaps"],
        &["lookup", "x", "--performance", "101"],
    ] {
        assert_eq!(place.run(args).code, Some(2), "{args:?}");
    }
    place.run(&["reviw"]).fails(2, &["review"]);
}

#[test]
fn a_wrong_command_line_is_json_with_json() {
    let ran = Place::new().run(&["--json", "review", "--fial-on", "high"]);
    ran.fails(2, &[]);
    let error = ran.error();
    assert_eq!(error["kind"], "usage");
    assert!(
        error["because"][0]
            .as_str()
            .is_some_and(|text| text.contains("--fial-on")),
        "{error}"
    );
    assert!(
        error["try"].as_str().is_some_and(|text| text.contains("--fail-on")),
        "{error}"
    );
}

#[test]
fn roles_and_deadlines_are_checked() {
    let place = Place::new();
    let diff = place.file("x.diff", DIFF);
    place
        .run(&["review", &diff, "--roles", "security,secrity"])
        .fails(2, &["did you mean \"security\""]);
    place
        .run(&["review", &diff, "--deadline", "0"])
        .fails(2, &["--deadline", "not between"]);
    place
        .run(&["up", "--agents", "secrity"])
        .fails(2, &["did you mean \"security\"", "--agents"]);
    place.run(&["up", "--p2p", "127.0.0.1:1"]).fails(2, &["--p2p", "/ip4/"]);
    place.run(&["up", "--http", "here"]).fails(2, &["--http"]);
}

#[test]
fn without_a_change_it_says_what_to_name() {
    Place::new()
        .run(&["review"])
        .fails(2, &["could not tell what to review", "--repo"]);
}
