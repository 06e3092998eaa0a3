//! The simulator can fail: each planted bug is caught, and the same seeds pass without it.

#![allow(
    clippy::disallowed_methods,
    reason = "a test reads its settings from the environment"
)]

use std::collections::BTreeSet;

use bzzz_core::plant;
use bzzz_core::sim::{Config, probe};

/// A planted bug, and the invariants that may find it.
const PLANTED: &[(&str, &[&str])] = &[
    (
        "speak_before_append",
        &["persist-before-speak", "act-under-lease", "money"],
    ),
    ("skipped_fsync", &["no-loss"]),
    ("drop_dependency", &["dependence"]),
    ("unchecked_chain", &["same-state", "convergence", "no-panic"]),
    ("unchecked_signature", &["honest-feeds", "no-loss", "convergence"]),
    ("unsigned_cut", &["no-loss", "convergence", "same-state"]),
    ("forgotten_fork", &["convergence"]),
    ("lost_fork_proof", &["convergence", "progress"]),
    ("forgotten_life", &["one-final-vote", "one-owner", "tokens-rise"]),
    ("no_skew", &["one-owner", "act-under-lease"]),
    ("stale_token", &["tokens-rise", "one-owner"]),
    ("late_act", &["act-under-lease"]),
    ("act_without_lease", &["act-under-lease"]),
    ("undrawn_chunk", &["money"]),
    ("double_refund", &["money"]),
    ("charge_twice", &["money"]),
    ("unreserved_calls", &["money"]),
    ("overdrawn_share", &["money"]),
    ("second_final_vote", &["one-final-vote"]),
    ("abstention_counts", &["decision"]),
    ("simple_majority", &["decision"]),
    ("ignored_veto", &["veto"]),
    ("outsider_answers", &["operators-answer"]),
    ("stale_presence", &["stale-presence"]),
    ("unbounded_hold", &["bounded"]),
];

/// Found, but only after minutes of seeds: run with `BZZZ_PLANT_ALL=1`.
const SLOW: &[&str] = &[
    "store_after_append",
    "unsigned_cut",
    "lost_fork_proof",
    "abstention_counts",
    "ignored_veto",
    "outsider_answers",
    "stale_presence",
];

/// Seeds within which each bug must be found.
const SEEDS: u64 = 200;

fn config(seed: u64) -> Config {
    Config::of_seed(5, seed, 1)
}

#[test]
fn every_planted_bug_is_caught() {
    let only = std::env::var("BZZZ_PLANT").ok();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut missed = Vec::new();
    let mut seeds = BTreeSet::new();
    for (name, invariants) in PLANTED {
        let left_out = match only.as_deref() {
            Some(wanted) => wanted != *name,
            None => SLOW.contains(name) && std::env::var("BZZZ_PLANT_ALL").is_err(),
        };
        if left_out {
            continue;
        }
        plant::activate(Some(name));
        let caught = (1..=SEEDS).find_map(|seed| probe(&config(seed)).err().map(|f| (seed, f)));
        plant::activate(None);
        match caught {
            Some((seed, failure)) => {
                let invariant = failure.violation.invariant;
                let expected = if invariants.contains(&invariant) {
                    ""
                } else {
                    " (by another way than usual)"
                };
                println!(
                    "{name}: seed {seed} breaks {invariant}{expected}: {}",
                    failure.violation.what
                );
                seeds.insert(seed);
            }
            None => missed.push(format!("{name} was not caught within {SEEDS} seeds")),
        }
    }
    for seed in seeds {
        if let Err(failure) = probe(&config(seed)) {
            missed.push(format!("without any planted bug: {failure}"));
        }
    }
    std::panic::set_hook(hook);
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
