//! The simulator can fail: each planted bug is caught, and the same seeds pass without it.
//!
//! Each bug is looked for in the scenario where it would do harm: a profile of faults and work, and the invariants that should
//! find it. It must be found within [`SEEDS`] seeds, in CI. That it is not found by the luck of one seed is shown with
//! `BZZZ_PLANT_ALL=1`, which tries twenty seeds for each and prints in how many it is found; `BZZZ_PLANT=NAME` tries one bug only.

#![allow(
    clippy::disallowed_methods,
    reason = "a test reads its settings from the environment"
)]

use std::collections::BTreeSet;

use bzzz_core::plant;
use bzzz_core::sim::{Config, FaultProfile, Replayed, Work, probe, replay_while, run};

/// Where a bug does harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Scene {
    /// The mixture that the seed chooses.
    Usual,
    /// Liars who lie all the time; the rest is well.
    Liars,
    /// Liars who tell one lie when there is an occasion for it, and do not equivocate, which would end their feeds early.
    Lie(&'static str),
    /// [`Scene::Lie`], and nodes that crash.
    LieAndCrashes(&'static str),
    /// Liars who only equivocate.
    Equivocators,
    /// Liars, and honest nodes that crash.
    LiarsAndCrashes,
    /// Many reviews of which little is found, many abstentions, no faults.
    Votes,
    /// [`Scene::Lie`] in [`Scene::Votes`].
    LieInVotes(&'static str),
    /// Crashes and restored backups.
    Restores,
}

/// A planted bug, its scene, and the invariants that may find it.
const PLANTED: &[(&str, Scene, &[&str])] = &[
    (
        "speak_before_append",
        Scene::Usual,
        &["persist-before-speak", "act-under-lease", "money"],
    ),
    ("skipped_fsync", Scene::Restores, &["no-loss"]),
    ("drop_dependency", Scene::Usual, &["dependence"]),
    (
        "unchecked_chain",
        Scene::Equivocators,
        &["same-state", "convergence", "no-panic", "rebuild"],
    ),
    (
        "unchecked_signature",
        Scene::Lie("another's next event"),
        &["honest-feeds", "no-loss", "convergence"],
    ),
    (
        "unsigned_cut",
        Scene::Lie("a roster that nobody signed"),
        &["rosters", "no-loss", "convergence", "same-state"],
    ),
    ("forgotten_fork", Scene::Liars, &["convergence"]),
    ("lifted_kill_switch", Scene::Liars, &["kill-switch"]),
    (
        "lost_fork_proof",
        Scene::LiarsAndCrashes,
        &["no-loss", "convergence", "progress"],
    ),
    (
        "forgotten_life",
        Scene::Restores,
        &["one-final-vote", "one-owner", "tokens-rise"],
    ),
    ("no_skew", Scene::Usual, &["one-owner", "act-under-lease"]),
    ("stale_token", Scene::Usual, &["tokens-rise", "one-owner"]),
    ("late_act", Scene::Usual, &["act-under-lease"]),
    ("act_without_lease", Scene::Usual, &["act-under-lease"]),
    ("undrawn_chunk", Scene::Usual, &["money"]),
    ("double_refund", Scene::Usual, &["money"]),
    ("charge_twice", Scene::Usual, &["money"]),
    ("unreserved_calls", Scene::Usual, &["money"]),
    ("overdrawn_share", Scene::Usual, &["money"]),
    ("minted_share", Scene::Lie("more money than there is"), &["money"]),
    ("second_final_vote", Scene::Votes, &["one-final-vote"]),
    ("abstention_counts", Scene::Votes, &["decision"]),
    ("simple_majority", Scene::Votes, &["decision"]),
    ("unheard_role_approves", Scene::Votes, &["heard"]),
    ("ignored_veto", Scene::LieInVotes("a lie about a decision"), &["veto"]),
    (
        "outsider_answers",
        Scene::Lie("an operator's answer"),
        &["operators-answer"],
    ),
    ("stale_presence", Scene::Lie("a stale presence"), &["stale-presence"]),
    (
        "one_answer_decides",
        Scene::Lie("a lie about a decision"),
        &["people-decide"],
    ),
    (
        "omitted_veto_accepted",
        Scene::Lie("a lie about a decision"),
        &["omitted-veto"],
    ),
    (
        "signs_any_removal",
        Scene::Lie("an honest member removed by one seat"),
        &["membership"],
    ),
    ("uncounted_lives", Scene::Lie("hundreds of lives"), &["bounded"]),
    (
        "uncounted_forks",
        Scene::Lie("a life that nobody has seen"),
        &["bounded"],
    ),
    ("hasty_reload", Scene::Lie("a fork before the last one"), &["bounded"]),
    (
        "unpaged_heads",
        Scene::LieAndCrashes("as many lives as may be"),
        &["convergence", "membership", "no-loss"],
    ),
    (
        "unfair_wants",
        Scene::LieAndCrashes("texts that nobody gives"),
        &["texts"],
    ),
    ("erased_is_lost", Scene::Restores, &["erased"]),
    (
        "unasked_agent",
        Scene::Lie("another's agent endorsed as its own"),
        &["agents"],
    ),
    ("unbounded_hold", Scene::Lie("a flood far ahead"), &["bounded"]),
    (
        "signs_any_admission",
        Scene::Lie("a new owner that is nobody"),
        &["membership"],
    ),
];

/// Seeds within which each bug must be found.
const SEEDS: u64 = 200;
/// Seeds that show how surely it is found.
const SAMPLE: u64 = 20;

impl Scene {
    fn config(self, seed: u64) -> Config {
        let usual = Config::of_seed(5, seed, 1);
        let quiet = Config {
            faults: FaultProfile::none(),
            work: Work::default(),
            ..usual
        };
        let votes = Work {
            command_every_ms: 300,
            reviews: 300,
            found: 30,
            abstains: 300,
            ..Work::default()
        };
        match self {
            Scene::Usual => usual,
            Scene::Liars | Scene::LiarsAndCrashes => Config {
                nodes: 7,
                faults: FaultProfile {
                    byzantine: 2,
                    lie_every_ms: 700,
                    crash_every_ms: if self == Scene::Liars { 0 } else { 6_000 },
                    down_ms: 4_000,
                    ..FaultProfile::none()
                },
                ..quiet
            },
            Scene::Lie(name) => Config {
                nodes: 7,
                faults: FaultProfile {
                    byzantine: 2,
                    lie_every_ms: 700,
                    equivocation: 0,
                    only_lies: name.into(),
                    ..FaultProfile::none()
                },
                ..quiet
            },
            Scene::LieAndCrashes(name) => {
                let lie = Scene::Lie(name).config(seed);
                let crashes = FaultProfile {
                    crash_every_ms: 6_000,
                    down_ms: 4_000,
                    ..lie.faults.clone()
                };
                Config { faults: crashes, ..lie }
            }
            Scene::Equivocators => Config {
                nodes: 7,
                faults: FaultProfile {
                    byzantine: 2,
                    lie_every_ms: 0,
                    equivocation: 400,
                    latency_ms: (1, 400),
                    loss: 50,
                    ..FaultProfile::none()
                },
                ..quiet
            },
            Scene::Votes => Config { work: votes, ..quiet },
            Scene::LieInVotes(name) => Config {
                work: votes,
                ..Scene::Lie(name).config(seed)
            },
            Scene::Restores => Config {
                faults: FaultProfile {
                    crash_every_ms: 6_000,
                    down_ms: 4_000,
                    restore: if seed.is_multiple_of(2) { 500 } else { 100 },
                    ..usual.faults.clone()
                },
                ..usual
            },
        }
    }
}

/// Looks for one bug; returns in which seeds it was found, and whether it was.
fn hunt(name: &'static str, scene: Scene, invariants: &[&str], all: bool) -> (Vec<u64>, bool) {
    plant::activate(Some(name));
    let mut found = Vec::new();
    for seed in 1..=SEEDS {
        if let Err(failure) = probe(&scene.config(seed)) {
            let invariant = failure.violation.invariant;
            let usual = match invariants.contains(&invariant) {
                true => "",
                false => " (by another way than usual)",
            };
            if found.is_empty() {
                println!(
                    "{name}: seed {seed} breaks {invariant}{usual}: {}",
                    failure.violation.what
                );
            }
            found.push(seed);
        }
        if !found.is_empty() && (!all || seed >= SAMPLE) {
            break;
        }
    }
    plant::activate(None);
    if all {
        let early = found.iter().filter(|s| **s <= SAMPLE).count();
        println!("{name}: found in {early} of {SAMPLE} seeds");
    }
    let caught = !found.is_empty();
    (found, caught)
}

#[test]
fn every_planted_bug_is_caught() {
    let only = std::env::var("BZZZ_PLANT").ok();
    let all = std::env::var("BZZZ_PLANT_ALL").is_ok();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut missed = Vec::new();
    let mut seeds = BTreeSet::new();
    for (name, scene, invariants) in PLANTED {
        if only.as_deref().is_some_and(|wanted| wanted != *name) {
            continue;
        }
        let (found, caught) = hunt(name, *scene, invariants, all);
        seeds.extend(found.first().map(|seed| (*scene, *seed)));
        if !caught {
            missed.push(format!("{name} was not caught within {SEEDS} seeds"));
        }
    }
    for (scene, seed) in seeds {
        if let Err(failure) = probe(&scene.config(seed)) {
            missed.push(format!("without any planted bug, in the scene {scene:?}: {failure}"));
            let log = run(&scene.config(seed)).err().map(|f| f.log).unwrap_or_default();
            let path = format!("{}/planted-{scene:?}-{seed}.log", env!("CARGO_TARGET_TMPDIR"));
            if std::fs::write(&path, log).is_ok() {
                missed.push(format!("step through it: bzzz replay {path}"));
            }
        }
    }
    std::panic::set_hook(hook);
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn a_saved_failure_breaks_again_at_its_step_and_a_mended_build_says_where_it_departs() {
    plant::activate(Some("charge_twice"));
    let mut seeds = (1..=SAMPLE).filter_map(|seed| run(&Scene::Usual.config(seed)).err());
    let failure = seeds.next().expect("the bug is found in one of these seeds");
    let again = replay_while(&failure.log, |_| true).expect("its log is one");
    let some = replay_while(&failure.log, |step| step.step < 10).expect("its log is one");
    plant::activate(None);
    let mended = replay_while(&failure.log, |_| true).expect("its log is one");
    match again {
        Replayed::Broke(f) => assert_eq!((f.step, &f.violation), (failure.step, &failure.violation)),
        other => panic!("{other:?}"),
    }
    assert!(matches!(some, Replayed::Stopped { step: 10 }), "{some:?}");
    match mended {
        Replayed::Departed { step, why } => assert!(step <= failure.step && why.contains("this build"), "{why}"),
        other => panic!("{other:?}"),
    }
}
