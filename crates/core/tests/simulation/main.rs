//! The simulator's own test binary.

use bzzz_core::sim::{Config, FaultProfile, run};

#[test]
fn three_nodes_review_without_faults() {
    for seed in 1..=3 {
        let config = Config {
            nodes: 3,
            seed,
            minutes: 3,
            faults: FaultProfile::none(),
        };
        let summary = run(&config).unwrap_or_else(|f| panic!("{f}"));
        println!("{summary}");
        assert!(summary.decided > 0, "{summary}");
    }
}
