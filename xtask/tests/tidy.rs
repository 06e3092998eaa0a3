//! The repository keeps its own rules: see `xtask::tidy`.

use xtask::{repository, tidy};

#[test]
fn the_repository_is_tidy() {
    let root = repository::root().expect("inside the repository");
    let report = tidy::check(&root).expect("the repository can be read");
    assert!(report.files > 20, "the walk found only {} files", report.files);
    println!("{report}");
    assert!(report.problems.is_empty(), "the repository is not tidy:\n{report}");
}
