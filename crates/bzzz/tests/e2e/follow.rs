//! Reviews that outlive their command or their node: several commands on one folder, interrupts, nodes that die.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::node::{Start, example, until, until_live, until_seen, wait};
use crate::support::Place;

/// A review that runs, with what it says on standard error.
struct Review {
    child: Child,
    err: BufReader<ChildStderr>,
    said: String,
}

/// What it came to.
struct Done {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Review {
    fn start(place: &Place, args: &[&str]) -> Self {
        let mut command = place.command(&["review"]);
        let mut child = command
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process");
        let err = BufReader::new(child.stderr.take().expect("a pipe"));
        Self {
            child,
            err,
            said: String::new(),
        }
    }

    /// Reads until the thread is named, and gives its id. None when the command ends before.
    fn thread(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.err.read_line(&mut line).expect("a line") == 0 {
                return None;
            }
            self.said.push_str(&line);
            if let Some(address) = line.strip_prefix("thread ") {
                return address.trim().rsplit('/').next().map(str::to_owned);
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a signal");
    }

    fn end(mut self) -> Done {
        let mut out = String::new();
        let mut pipe = self.child.stdout.take().expect("a pipe");
        let reader = std::thread::spawn(move || {
            pipe.read_to_string(&mut out).expect("text");
            out
        });
        self.err.read_to_string(&mut self.said).expect("text");
        let code = wait(&mut self.child);
        let out = reader.join().expect("the output");
        assert!(!self.said.contains("panicked"), "{}", self.said);
        Done {
            code,
            out,
            err: self.said,
        }
    }
}

impl Done {
    fn report(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {} {}", self.out, self.err))
    }
}

#[test]
fn several_reviews_share_a_folder() {
    let place = Place::new();
    let data = place.path("a").display().to_string();
    let example = example();
    let args = [example.as_str(), "--data", &data, "--format", "json"];
    let running: Vec<Review> = (0..4).map(|_| Review::start(&place, &args)).collect();
    let mut threads = Vec::new();
    for done in running.into_iter().map(Review::end) {
        assert_eq!(done.code, Some(1), "{}", done.err);
        let report = done.report();
        assert_eq!(report["verdict"], "request_changes");
        let certificate = report["certificate"].as_str().expect("a path");
        place.run(&["verify", certificate]).ok();
        threads.push(report["thread"].as_str().expect("a thread").to_owned());
    }
    threads.sort_unstable();
    threads.dedup();
    assert_eq!(threads.len(), 4, "each has its own review, and each only one");
    place.run(&["log", "verify", "--data", &data]).ok();
    assert!(!place.path("a/node.json").exists());
}

#[test]
fn a_guest_takes_over_when_its_host_dies() {
    let place = Place::new();
    let example = example();
    for round in 0..3 {
        let data = place.path(&format!("d{round}")).display().to_string();
        let args = [example.as_str(), "--data", &data, "--format", "json"];
        let mut host = Review::start(&place, &args);
        host.thread().expect("a thread");
        let mut guest = Review::start(&place, &args);
        // It may have had to wait until the host was done; then there is nothing to take over.
        let thread = guest.thread();
        host.signal(Signal::KILL);
        host.end();
        let done = guest.end();
        assert_eq!(done.code, Some(1), "{}", done.err);
        let address = done.report()["thread"].as_str().expect("a thread").to_owned();
        assert!(address.ends_with(&thread.expect("a thread")), "{address}");
    }
}

#[test]
fn an_interrupted_review_is_taken_up_with_the_command_that_is_named() {
    let place = Place::new();
    let data = place.path("my data").display().to_string();
    let example = example();
    let mut review = Review::start(&place, &[&example, "--data", &data]);
    let thread = review.thread().expect("a thread");
    review.signal(Signal::INT);
    let done = review.end();
    assert_eq!(done.code, Some(130), "{}", done.err);
    let said = format!("bzzz review --follow {thread} --data '{data}'");
    assert!(done.err.contains(&said), "{}", done.err);
    let followed = place.run(&["review", "--follow", &thread, "--data", &data, "--json"]);
    assert_eq!(followed.code, Some(1), "{followed:?}");
    let report = followed.json();
    assert!(report["thread"].as_str().expect("a thread").ends_with(&thread));
    place
        .run(&["verify", report["certificate"].as_str().expect("a path")])
        .ok();
    // As often as one likes, in any format, with any threshold, by the address as well.
    let address = format!("bzzz://*:*@default:review/thread/{thread}");
    let again = place.run(&[
        "review",
        "--follow",
        &address,
        "--data",
        &data,
        "--fail-on",
        "critical",
        "--format",
        "sarif",
    ]);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert_eq!(again.json()["version"], "2.1.0");
    // What is not there is refused, and no folder is made for it.
    place
        .run(&["review", "--follow", "ffffffff", "--data", &data])
        .fails(2, &["no thread ffffffff"]);
    place
        .run(&["review", "--follow", &thread, "--data", "nowhere"])
        .fails(2, &["no node has run on"]);
    assert!(!place.path("nowhere").exists());
}

#[test]
fn a_review_goes_on_at_the_next_node_when_the_first_dies() {
    let place = Place::new();
    // Two that only read and write, and one whose agents are held up until the test says so.
    let c = Start::new("c", "architect,documentation,performance,reviewer,security").up(&place);
    let mut a = Start::new("a", "").peers(&[&c]).up(&place);
    let b = Start::new("b", "").peers(&[&c, &a]).up(&place);
    until_seen(&[&a, &b, &c], 3);
    until_live(&[&c], 3);
    c.signal(Signal::STOP);
    let (at_a, at_b) = (a.http(), b.http());
    let example = example();
    let mut both = Review::start(
        &place,
        &[&example, "--node", &at_a, "--node", &at_b, "--format", "json"],
    );
    let mut one = Review::start(&place, &[&example, "--node", &at_a]);
    let mut left = Review::start(&place, &[&example, "--node", &at_a]);
    let threads = [&mut both, &mut one, &mut left].map(|review| review.thread().expect("a thread"));
    until("the threads are at the second node", || {
        let known = b.threads();
        threads
            .iter()
            .all(|t| known.iter().any(|(id, _)| id == t))
            .then_some(())
    });
    left.signal(Signal::INT);
    let left = left.end();
    assert_eq!(left.code, Some(130), "{}", left.err);
    let follow = format!("bzzz review --follow {} --node {at_a}", threads[2]);
    assert!(
        left.err.contains("goes on at") && left.err.contains(&follow),
        "{}",
        left.err
    );
    a.kill();
    let one = one.end();
    assert_eq!(one.code, Some(4), "{}", one.err);
    let follow = format!("bzzz review --follow {} --node ADDRESS", threads[1]);
    assert!(
        one.err.contains("went away") && one.err.contains(&follow),
        "{}",
        one.err
    );
    c.signal(Signal::CONT);
    let both = both.end();
    assert_eq!(both.code, Some(1), "{}", both.err);
    assert!(both.err.contains(&format!("asking {at_b}")), "{}", both.err);
    assert!(
        both.report()["thread"]
            .as_str()
            .expect("a thread")
            .ends_with(&threads[0])
    );
    // A node that is there and knows no such review is not waited for.
    place
        .run(&[
            "review",
            "--follow",
            "ffffff",
            "--data",
            &b.data().display().to_string(),
        ])
        .fails(2, &["there is no thread ffffff"]);
    // What the others left is at hand there.
    let followed = place.run(&["review", "--follow", &threads[1], "--node", &at_b, "--json"]);
    assert_eq!(followed.code, Some(1), "{followed:?}");
    place
        .run(&["review", "--follow", "ffffff", "--node", &at_a, "--node", &at_b])
        .fails(4, &["no node answered at", "there is no thread ffffff"]);
    place
        .run(&["agents", "--node", &at_a, "--node", &at_b])
        .fails(2, &["more than once"]);
}
