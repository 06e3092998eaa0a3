//! Readers that go away, full disks, signals: no panic, a sensible status.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::node::{FakeNode, review};
use crate::support::{DIFF, Place, ran};

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let place = Place::new();
    for args in [
        &["completions", "zsh"][..],
        &["config", "show", "--json"],
        &["man"],
        &["--help"],
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = place
            .command(args)
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .and_then(std::process::Child::wait_with_output);
        let ran = ran(output.expect("a run"));
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn the_verdict_survives_a_closed_pipe() {
    let place = Place::new();
    let diff = place.file("x.diff", DIFF);
    let node = FakeNode::start(vec![review(|_| {}, None)]);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let (reader, errors) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut child = place
        .command(&["review", &diff, "--node", &node.address])
        .stdout(writer)
        .stderr(errors)
        .spawn()
        .expect("a run");
    assert_eq!(child.wait().expect("an end").code(), Some(1));
}

#[test]
fn a_full_disk_is_told() {
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full");
    let place = Place::new();
    let output = place
        .command(&["config", "show"])
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .and_then(std::process::Child::wait_with_output);
    ran(output.expect("a run")).fails(6, &["could not write to standard output", "because:"]);
}

#[test]
fn an_interrupt_ends_it_without_a_panic() {
    let place = Place::new();
    let diff = place.file("x.diff", DIFF);
    // Takes the connection and never answers.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    // A test run that was started in the background may ignore interrupts, and would hand that down.
    let mut command = place.other("env");
    command.args(["--default-signal=INT", env!("CARGO_BIN_EXE_bzzz")]);
    let mut child = command
        .args(["review", &diff, "--node", &address])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a run");
    let _connection = listener.accept().expect("a connection");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("a signal");
    let deadline = Instant::now() + Duration::from_secs(10);
    let status = loop {
        if let Some(status) = child.try_wait().expect("a state") {
            break status;
        }
        assert!(Instant::now() < deadline, "it did not stop");
        std::thread::yield_now();
    };
    assert_eq!(status.code(), Some(130), "as shells count an interrupt");
    let output = child.wait_with_output().expect("the output");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("interrupted") && said.contains("bzzz thread list"),
        "{said}"
    );
    assert!(!said.contains("panicked"), "{said}");
}
