//! Interrupts, pipes and small terminals.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::node::{Start, example, until_live, wait};
use crate::support::Place;

#[test]
fn an_interrupt_in_mid_review_leaves_the_folder_in_order() {
    let place = Place::new();
    let data = place.path("a");
    let folder = data.to_str().expect("a path");
    let mut command = place.command(&["review", &example(), "--data", folder, "--progress", "plain"]);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a process");
    let mut err = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut text = String::new();
    err.read_line(&mut text).expect("a line of progress");
    assert!(data.join("node.json").is_file());
    kill_process(Pid::from_child(&child), Signal::INT).expect("a signal");
    // 128 + 2, as shells count it.
    assert_eq!(wait(&mut child), Some(130));
    let rest = std::io::read_to_string(err).expect("text");
    assert!(
        rest.contains("interrupted") && rest.contains("try:") && !rest.contains("panicked"),
        "{rest}"
    );
    assert!(!data.join("node.json").exists());
    place.run(&["log", "verify", "--data", folder]).ok();
    // Twice in a row, on the same folder.
    let again = || {
        let ran = place.run(&["review", &example(), "--data", folder, "--format", "json"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        ran.json()
    };
    let (one, two) = (again(), again());
    assert_eq!(one["findings"], two["findings"]);
    assert_ne!(one["thread"], two["thread"]);
    assert_eq!(one["project"], two["project"]);
}

#[test]
fn a_limit_on_the_size_of_files_is_told_and_leaves_what_was_written() {
    let place = Place::new();
    let limited = |blocks: &str| {
        let line = format!(
            "ulimit -f {blocks}; exec {} review {} --data a",
            env!("CARGO_BIN_EXE_bzzz"),
            example()
        );
        crate::support::ran(place.other("bash").args(["-c", &line]).output().expect("a shell"))
    };
    // Room for the database, and not for a review; in blocks of 1,024 bytes.
    let ran = limited("150");
    ran.fails(6, &["the node had to stop", "bzzz review --follow"]);
    place.run(&["log", "verify", "--data", "a"]).ok();
    let thread = ran
        .err
        .lines()
        .find_map(|l| l.strip_prefix("thread "))
        .expect("a thread")
        .to_owned();
    let ran = place.run(&["review", "--follow", &thread, "--data", "a"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
}

#[test]
fn a_node_told_to_stop_stops_in_order() {
    let place = Place::new();
    for signal in [Signal::INT, Signal::TERM] {
        let mut node = Start::new("a", "security").up(&place);
        until_live(&[&node], 1);
        assert!(node.data().join("node.json").is_file());
        assert_eq!(node.end(signal), Some(0), "{}", node.log());
        assert!(!node.data().join("node.json").exists());
    }
}

#[test]
fn a_pipe_that_closes_early_is_no_failure() {
    let place = Place::new();
    let data = place.path("a");
    let line = format!(
        "{} review {} --data {} 2>err | head -1",
        env!("CARGO_BIN_EXE_bzzz"),
        example(),
        data.display()
    );
    let out = place.other("sh").arg("-c").arg(line).output().expect("a shell");
    assert_eq!(String::from_utf8_lossy(&out.stdout).lines().count(), 1);
    let err = std::fs::read_to_string(place.path("err")).expect("a file");
    assert!(!err.contains("panicked") && !err.contains("error:"), "{err}");
}

#[test]
fn a_small_terminal_is_enough() {
    let place = Place::new();
    let data = place.path("a");
    let line = format!(
        "stty cols 40 rows 10; {} review {} --data {}",
        env!("CARGO_BIN_EXE_bzzz"),
        example(),
        data.display()
    );
    // `script` gives it a terminal.
    let out = place
        .other("script")
        .args(["-qec", &line, "/dev/null"])
        .env("TERM", "xterm-256color")
        .output()
        .expect("a run");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert_eq!(out.status.code(), Some(1), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    let report = text.rsplit("\u{1b}[?25h").next().unwrap_or(&text);
    assert!(report.to_lowercase().contains("sql"), "{text}");
}
