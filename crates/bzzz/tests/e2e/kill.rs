//! One of three nodes dies in the middle of a review, at seeded points.
//!
//! What is expected:
//! - A verdict needs the votes of all three equal seats, and this change has severe defects: so it is "changes requested" (1), with three nodes in
//!   its certificate, or the review goes to a person (3). It is never approved.
//! - A command that lost the only node it was given cannot know how the review ends (4). It says so, and names the command that follows the review
//!   if it had heard of its thread. A command with a second node ends like that only when the review had not got there before the first died.
//! - When the dead node is back, all three hold the same, and the review that was lost sight of is followed to its end at each.
//!
//! Five points by default; all twenty with `BZZZ_E2E_ALL=1`.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::node::{Node, ROLES, Start, example, three, until, until_live, until_same, until_seen, wait};
use crate::support::Place;

const NAMES: [&str; 3] = ["a", "b", "c"];
/// The node that the client asks.
const COORDINATOR: usize = 1;
/// The node that it goes on at, where it has one.
const SECOND: usize = 2;
/// A whole review takes about half a second here.
const LONGEST_DELAY_MS: u64 = 600;
/// Lines that a review writes on the way.
const LINES: u64 = 24;

/// When it happens.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// After this many lines of progress.
    Line(u64),
    /// This long after the client started.
    Delay(Duration),
}

/// Which node, and when: a function of the seed.
fn point(seed: u64) -> (usize, Moment) {
    let mut x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^= x >> 31;
    let moment = match seed % 2 {
        0 => Moment::Line(1 + x % LINES),
        _ => Moment::Delay(Duration::from_millis(x % LONGEST_DELAY_MS)),
    };
    ((seed % 3) as usize, moment)
}

#[test]
fn a_review_survives_the_death_of_a_node() {
    let all = std::env::var_os("BZZZ_E2E_ALL").is_some_and(|v| v == "1");
    let seeds: Vec<u64> = match (std::env::var("BZZZ_E2E_SEED"), all) {
        (Ok(seed), _) => vec![seed.parse().expect("BZZZ_E2E_SEED is a number")],
        (_, true) => (0..20).collect(),
        (_, false) => vec![0, 1, 4, 5, 7],
    };
    // A mesh lives through several points: what one leaves behind, the next has to bear.
    for group in seeds.chunks(5) {
        let place = Place::new();
        let mut nodes = three(&place);
        for seed in group {
            let start = Instant::now();
            let (victim, moment) = point(*seed);
            let how = format!("seed {seed}: {} dies at {moment:?}", NAMES[victim]);
            // Half of the commands have somewhere else to go.
            let second = seed % 4 >= 2;
            let end = survive(&place, &mut nodes, victim, moment, second, &how);
            println!("{how}: {end}, {} ms", start.elapsed().as_millis());
        }
    }
}

fn survive(place: &Place, nodes: &mut [Node; 3], victim: usize, moment: Moment, second: bool, how: &str) -> String {
    let known = nodes[0].threads().len();
    let cert = place.path("kill.pem");
    let _ = std::fs::remove_file(&cert);
    let http = nodes[COORDINATOR].http();
    let mut command = place.command(&["review", &example(), "--node", &http, "--deadline", "12"]);
    command
        .args(["--format", "json", "--progress", "plain", "--certificate"])
        .arg(&cert);
    if second {
        command.args(["--node", &nodes[SECOND].http()]);
    }
    let mut client = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a process");
    let out = client.stdout.take().expect("a pipe");
    let out = std::thread::spawn(move || std::io::read_to_string(out).unwrap_or_default());
    let err = client.stderr.take().expect("a pipe");
    let (lines, progress) = mpsc::channel();
    let err = std::thread::spawn(move || {
        let mut all = String::new();
        for line in BufReader::new(err).lines().map_while(Result::ok) {
            all.push_str(&line);
            all.push('\n');
            let _ = lines.send(());
        }
        all
    });
    match moment {
        // Fewer lines than that: the review ended before.
        Moment::Line(n) => (0..n).for_each(|_| progress.recv().unwrap_or_default()),
        // The moment itself is what is tested: nothing is awaited here.
        Moment::Delay(time) => std::thread::sleep(time),
    }
    nodes[victim].kill();
    let code = wait(&mut client);
    let (out, err) = (out.join().expect("a reader"), err.join().expect("a reader"));
    let what = || format!("{how}\nexit {code:?}\n{err}\n{out}");
    assert!(!err.contains("panicked"), "{}", what());
    let survivors: Vec<&Node> = (0..3).filter(|i| *i != victim).map(|i| &nodes[i]).collect();
    let told = thread_of(&err);
    let end = match code {
        Some(1) => {
            let report: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {}", what()));
            assert_eq!(report["verdict"], "request_changes", "{}", what());
            let cert = cert.to_str().expect("a path");
            let verified = place.run(&["verify", cert, "--json"]).ok().json();
            assert_eq!(verified["verified"]["nodes"], 3, "{}", what());
            "verdict"
        }
        Some(3) => {
            let report: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {}", what()));
            assert_eq!(report["verdict"], "escalated", "{}", what());
            "escalated"
        }
        Some(4) => {
            assert_eq!(victim, COORDINATOR, "only who lost its node: {}", what());
            assert_eq!(out, "", "no report without an end: {}", what());
            let mut words = vec!["could not review the change", "because:", "try:"];
            let follow = told
                .as_ref()
                .map(|thread| format!("bzzz review --follow {thread} --node ADDRESS"));
            match &follow {
                Some(follow) => words.extend([follow, "is open, and goes on where its members run"]),
                None => assert!(!err.contains("--follow"), "nothing to follow is known: {}", what()),
            }
            if second {
                assert!(
                    follow.is_some(),
                    "without a thread it opens one at the second: {}",
                    what()
                );
                let known = |node: &&Node| {
                    told.as_ref()
                        .is_some_and(|t| node.threads().iter().any(|(id, _)| id == t))
                };
                assert!(!known(&&nodes[SECOND]), "the second node has it: {}", what());
                words.push("none of ");
            }
            for word in words {
                assert!(err.contains(word), "{word}: {}", what());
            }
            "client told"
        }
        _ => panic!("{}", what()),
    };
    let reached = survivors.iter().any(|n| n.threads().len() > known);
    if reached {
        until_ended(&survivors, how);
    }
    let peers = survivors.clone();
    nodes[victim] = Start::new(NAMES[victim], ROLES[victim]).peers(&peers).up(place);
    let nodes: Vec<&Node> = nodes.iter().collect();
    until_live(&nodes, 3);
    until_ended(&nodes, how);
    until_same(&nodes);
    if let Some(thread) = told {
        followed(place, &nodes, &thread, code, how);
    }
    end.to_owned()
}

/// The thread that the command told of.
fn thread_of(err: &str) -> Option<String> {
    let address = err.lines().find_map(|line| line.strip_prefix("thread "))?;
    address.trim().rsplit('/').next().map(str::to_owned)
}

/// Whoever follows the review hears the same end at each node. A verdict that the command had heard stands; a question that it had heard of may
/// have got its verdict by a vote that the dead node had signed and not sent.
fn followed(place: &Place, nodes: &[&Node], thread: &str, code: Option<i32>, how: &str) {
    let mut ends = Vec::new();
    for node in nodes {
        let ran = place.run(&["review", "--follow", thread, "--node", &node.http(), "--format", "json"]);
        assert!(matches!(ran.code, Some(1 | 3)), "{how}: {ran:?}");
        ends.push((ran.code, ran.json()["verdict"].clone()));
    }
    assert!(ends.iter().all(|end| *end == ends[0]), "{how}: {ends:?}");
    assert!(code != Some(1) || code == ends[0].0, "{how}: {code:?}, {ends:?}");
}

#[test]
fn with_four_seats_the_loss_of_one_still_gives_a_verdict() {
    let place = Place::new();
    let a = Start::new("a", "reviewer").up(&place);
    let b = Start::new("b", "security").peers(&[&a]).up(&place);
    let c = Start::new("c", "performance").peers(&[&a]).up(&place);
    let mut d = Start::new("d", "documentation").peers(&[&a]).up(&place);
    until_live(&[&a, &b, &c, &d], 4);
    let cert = place.path("cert.pem");
    let cert = cert.to_str().expect("a path");
    let mut command = place.command(&["review", &example(), "--node", &b.http(), "--deadline", "12"]);
    command.args(["--format", "json", "--progress", "plain", "--certificate", cert]);
    let mut client = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a process");
    // It dies before it can vote: at the first finding of anybody.
    let err = BufReader::new(client.stderr.take().expect("a pipe"));
    let mut lines = err.lines().map_while(Result::ok);
    let found = lines.by_ref().find(|line| line.contains("finding"));
    d.kill();
    let out = std::thread::spawn(move || lines.collect::<Vec<_>>());
    let text = std::io::read_to_string(client.stdout.take().expect("a pipe")).expect("text");
    assert_eq!(wait(&mut client), Some(1), "{found:?} {:?} {text}", out.join());
    let verified = place.run(&["verify", cert, "--json"]).ok().json();
    assert_eq!(verified["verified"]["nodes"], 3);
    let d = Start::new("d", "documentation").peers(&[&b]).up(&place);
    until_live(&[&a, &b, &c, &d], 4);
    until_same(&[&a, &b, &c, &d]);
}

#[test]
fn who_all_dialled_first_may_die_and_come_back_at_its_old_port() {
    let place = Place::new();
    let mut a = Start::new("a", ROLES[0]).up(&place);
    // Each knows only the first.
    let b = Start::new("b", ROLES[1]).peers(&[&a]).up(&place);
    let c = Start::new("c", ROLES[2]).peers(&[&a]).up(&place);
    until_live(&[&a, &b, &c], 3);
    let p2p = a.p2p();
    a.kill();
    until_seen(&[&b, &c], 2);
    let ran = place.run(&[
        "review",
        &example(),
        "--node",
        &b.http(),
        "--deadline",
        "6",
        "--format",
        "json",
    ]);
    // Two of three equal seats are no quorum.
    assert_eq!(ran.code, Some(3), "{ran:?}");
    until_same(&[&b, &c]);
    let mut start = Start::new("a", ROLES[0]);
    start.p2p = p2p.split("/p2p/").next().expect("an address").to_owned();
    let a = start.up(&place);
    until_live(&[&a, &b, &c], 3);
    until_same(&[&a, &b, &c]);
    until_ended(&[&a, &b, &c], "the first came back");
}

/// Every thread that a node knows has an outcome, and escalated ones have a question.
fn until_ended(nodes: &[&Node], how: &str) {
    until(&format!("every thread has ended ({how})"), || {
        nodes
            .iter()
            .all(|n| n.threads().iter().all(|(_, s)| s == "decided" || s == "escalated"))
            .then_some(())
    });
}
