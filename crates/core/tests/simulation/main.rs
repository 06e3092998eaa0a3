//! The simulation in CI: seeds that once found something, the first seeds, and one that nobody has seen.
//!
//! A failing seed's log is written to the folder of this build's temporary files; `bzzz replay FILE` steps through it.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test reads its settings and the clock"
)]

use bzzz_core::sim::{Config, Failure, FaultProfile, Summary, Totals, Work, replay, run};

/// Seeds that found a bug once: nodes, seed, and what it was.
const FOUND: &[(usize, u64, &str)] = &[
    (3, 13, "a review whose roles have no agent never ended"),
    (3, 23, "a restored node's earlier feed was not served to others"),
    (
        8,
        7,
        "a newcomer never learned of a fork that was proven before it came",
    ),
    (
        8,
        4,
        "two stewards split the signatures of an epoch, and no roster followed",
    ),
    (
        20,
        33,
        "a proof of a fork was shown only to peers with events beyond it",
    ),
    (
        20,
        43,
        "an event rested on one that a removal cut off, and the removal stood behind it",
    ),
    (
        5,
        29,
        "a roster change in a feed that was excluded later left an epoch that nobody could learn of",
    ),
    (5, 112, "an earlier life's events came back and were judged anew"),
    (
        20,
        13,
        "a newcomer whose peers are all readers, who cannot vouch for it, never got a seat",
    ),
    (
        20,
        81,
        "a newcomer was never shown the removal of a node that it had not heard of, and waited for that node's first event",
    ),
    (
        20,
        51,
        "a node with events beyond a cut waited for more of them before it came to the roster that cuts them",
    ),
    (
        20,
        23,
        "a removal cut off the event that had brought a roster into force, which nobody knew then",
    ),
    (
        20,
        192,
        "some had signed a roster when a liar's readiness was excluded, and the others would not follow them",
    ),
    (
        20,
        741,
        "an event waited for one of a later life of a removed node, and was not looked at again when the removal was known",
    ),
    (
        5,
        119,
        "who had signed a roster was not counted as ready for it when a liar's readiness was excluded",
    ),
    (
        20,
        957,
        "a text went from member to member with a pause of minutes at each step, each asked before it had it",
    ),
    (
        20,
        247,
        "who had signed a roster was bound by a readiness that went with a forked feed, and no roster followed",
    ),
    (
        20,
        333,
        "a text that was erased went out with an answer that had waited for the disk (a check too strict)",
    ),
];

/// How many of the first seeds are run: enough for half a minute in release, for less in debug.
const FIRST: u64 = if cfg!(debug_assertions) { 4 } else { 60 };

/// How many seeds are run in which verdicts are contested.
const CONTESTED: u64 = FIRST / 3;

fn check(config: &Config) -> Summary {
    match run(config) {
        Ok(summary) => summary,
        Err(failure) => panic!("{failure}\nstep through it: bzzz replay {}", save(&failure)),
    }
}

fn save(failure: &Failure) -> String {
    let path = format!("{}/simulation-{}.log", env!("CARGO_TARGET_TMPDIR"), failure.config.seed);
    match std::fs::write(&path, &failure.log) {
        Ok(()) => path,
        Err(e) => format!("memory only: {path} could not be written ({e})"),
    }
}

#[test]
fn without_faults_reviews_are_decided() {
    let (mut reviews, mut decided) = (0, 0);
    for seed in 1..=4 {
        let summary = check(&Config {
            nodes: 3,
            seed,
            minutes: 2,
            faults: FaultProfile::none(),
            work: Work::default(),
        });
        reviews += summary.reviews;
        decided += summary.decided;
    }
    assert!(
        reviews > 0 && decided * 3 > reviews,
        "{decided} of {reviews} reviews were decided"
    );
}

#[test]
fn seeds_that_found_something_hold() {
    // Large networks take a build that is optimised: in debug only the small ones are run.
    let large = |nodes: usize| nodes > 8;
    for (nodes, seed, _) in FOUND.iter().filter(|f| !cfg!(debug_assertions) || !large(f.0)) {
        check(&Config::of_seed(*nodes, *seed, if large(*nodes) { 1 } else { 2 }));
    }
}

#[test]
fn the_first_seeds_hold_and_see_everything_that_is_claimed() {
    let mut totals = Totals::default();
    for seed in 1..=FIRST {
        let nodes = [3, 5, 8, 4][seed as usize % 4];
        totals.add(&check(&Config::of_seed(nodes, seed, 2)));
    }
    // What is rare is looked for in more seeds, until it was seen.
    for seed in 1..=CONTESTED * if cfg!(debug_assertions) { 1 } else { 8 } {
        if seed > CONTESTED && totals.missing().is_empty() {
            break;
        }
        totals.add(&check(&Config::contested(5, seed, 2)));
    }
    println!("{totals}");
    // In debug there are too few seeds for what is rare.
    let missing = totals.missing();
    assert!(
        cfg!(debug_assertions) || missing.is_empty(),
        "these seeds never saw: {}",
        missing.join(", ")
    );
}

#[test]
fn a_seed_that_nobody_has_seen_holds() {
    let clock = || {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map_or(0, |d| d.as_millis() as u64)
    };
    let given = std::env::var("BZZZ_SIM_SEED").ok().and_then(|s| s.parse().ok());
    let seed = given.unwrap_or_else(clock);
    println!("seed {seed}: run it again with BZZZ_SIM_SEED={seed}");
    let nodes = if cfg!(debug_assertions) { 5 } else { 10 };
    println!("{}", check(&Config::of_seed(nodes, seed, 2)));
}

/// The trace of one run, for comparison.
fn trace_of(seed: u64) -> String {
    let summary = check(&Config::of_seed(5, seed, 1));
    summary.trace.map(|t| t.to_string()).unwrap_or_default()
}

#[test]
fn a_seed_replays_exactly_here_and_in_another_process() {
    const ASK: &str = "BZZZ_SIM_TRACE_OF";
    if let Some(seed) = std::env::var(ASK).ok().and_then(|s| s.parse().ok()) {
        println!("trace={}", trace_of(seed));
        return;
    }
    let here = trace_of(77);
    assert_eq!(here, trace_of(77));
    assert_ne!(here, trace_of(78));
    let program = std::env::current_exe().expect("this test has a path");
    let name = "a_seed_replays_exactly_here_and_in_another_process";
    let out = std::process::Command::new(program)
        .args([name, "--exact", "--nocapture"])
        .env(ASK, "77")
        .output()
        .expect("this test runs again");
    let out = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.contains(&format!("trace={here}")), "{out}");
}

#[test]
fn a_log_that_is_none_is_refused() {
    assert!(replay("", |_| {}).is_err());
    assert!(replay("not a log\n", |_| {}).is_err());
    let broken = format!(
        "{}\n{{\"step\":1}}\n",
        r#"{"nodes":1,"seed":1,"minutes":1,"faults":{}}"#
    );
    assert!(replay(&broken, |_| {}).is_err());
}
