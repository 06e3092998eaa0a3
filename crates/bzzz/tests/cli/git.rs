//! `bzzz review --repo`: what is sent to the node, and what is said when git or the repository is not as it should be.

use crate::node::{FakeNode, review};
use crate::support::{Place, git};

fn repository(place: &Place) -> std::path::PathBuf {
    let repo = place.path("repo");
    std::fs::create_dir(&repo).expect("a folder");
    git(&repo, &["init", "-q"]);
    std::fs::write(repo.join("kept.py"), "a = 1\n").expect("a file");
    std::fs::write(repo.join("gone.py"), "old = 1\n").expect("a file");
    std::fs::write(repo.join("picture"), b"\0\x01").expect("a file");
    git(&repo, &["add", "-A"]);
    git(&repo, &["commit", "-qm", "one"]);
    git(&repo, &["checkout", "-qb", "work"]);
    std::fs::write(repo.join("kept.py"), "a = 2\n").expect("a file");
    std::fs::write(repo.join("new name.py"), "n = 1\n").expect("a file");
    std::fs::write(repo.join("picture"), b"\0\x02").expect("a file");
    std::fs::remove_file(repo.join("gone.py")).expect("removed");
    git(&repo, &["add", "-A"]);
    git(&repo, &["commit", "-qm", "two"]);
    repo
}

#[test]
fn the_whole_files_go_with_the_diff() {
    let place = Place::new();
    repository(&place);
    let node = FakeNode::start(vec![review(|_| {}, None)]);
    let ran = place.run(&["review", "--repo", "repo", "--base", "main", "--node", &node.address]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("warning: 1 changed files are binary"), "{}", ran.err);
    let request = &node.requests()[0];
    assert_eq!(request.line, "POST /v1/reviews HTTP/1.1");
    let change = &request.body["change"];
    assert_eq!(change["title"], "main...HEAD");
    assert!(change["diff"].as_str().is_some_and(|diff| diff.contains("+a = 2")));
    assert_eq!(
        change["files"],
        serde_json::json!({"kept.py": "a = 2\n", "new name.py": "n = 1\n"})
    );
    assert_eq!(
        change["old_files"],
        serde_json::json!({"kept.py": "a = 1\n", "gone.py": "old = 1\n"})
    );
}

#[test]
fn each_fault_of_a_repository_is_told() {
    let place = Place::new();
    let repo = repository(&place);
    let check = |args: &[&str], words: &[&str]| {
        let args: Vec<&str> = ["review", "--repo"].iter().chain(args).copied().collect();
        place.run(&args).fails(2, words);
    };
    check(&["nowhere"], &["there is no such folder"]);
    std::fs::create_dir(place.path("plain")).expect("a folder");
    check(
        &["plain"],
        &["could not use plain as a repository", "not a git repository"],
    );
    check(
        &["repo", "--base", "nosuch"],
        &["could not find the revision \"nosuch\"", "no such commit"],
    );
    check(&["repo", "--base=--output=/tmp/x"], &["no name of a revision"]);
    check(&["repo", "--base", "HEAD"], &["it is empty"]);
    git(&repo, &["checkout", "-q", "--orphan", "other"]);
    git(&repo, &["commit", "-qm", "root"]);
    check(&["repo", "--base", "main"], &["no common ancestor"]);
    check(&["repo", "--base", "main", "--head", "nosuch"], &["\"nosuch\""]);
}

#[test]
fn without_git_it_says_so() {
    let place = Place::new();
    repository(&place);
    let empty = place.path("empty");
    std::fs::create_dir(&empty).expect("a folder");
    let ran = place.run_env(&["review", "--repo", "repo"], &[("PATH", &empty.to_string_lossy())]);
    ran.fails(2, &["could not run git", "install git"]);
}

#[test]
fn a_strange_repository_runs_nothing() {
    let place = Place::new();
    let repo = repository(&place);
    let trap = place.path("trap.sh");
    std::fs::write(&trap, format!("#!/bin/sh\ntouch {}\n", place.path("sprung").display())).expect("a file");
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&trap, std::fs::Permissions::from_mode(0o755)).expect("rights");
    let trap = trap.to_string_lossy().into_owned();
    for key in [
        "diff.external",
        "core.fsmonitor",
        "diff.evil.textconv",
        "diff.evil.command",
        "core.pager",
        "core.sshCommand",
    ] {
        git(&repo, &["config", key, &trap]);
    }
    std::fs::write(repo.join(".git/info/attributes"), "* diff=evil\n").expect("a file");
    let node = FakeNode::start(vec![review(|_| {}, None)]);
    let ran = place.run(&["review", "--repo", "repo", "--base", "main", "--node", &node.address]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(!place.path("sprung").exists(), "a program of the repository was run");
    assert!(
        node.requests()[0].body["change"]["diff"]
            .as_str()
            .is_some_and(|diff| diff.contains("+a = 2"))
    );
}

#[test]
fn a_certificate_names_commits_and_is_held_against_their_repository() {
    let place = Place::new();
    let repo = repository(&place);
    let data = place.path("data").display().to_string();
    let review = [
        "review",
        "--repo",
        "repo",
        "--base",
        "main",
        "--data",
        &data,
        "--certificate",
        "c.pem",
        "--json",
    ];
    let report = place.run(&review).json();
    let rev = |name: &str| git(&repo, &["rev-parse", name]);
    assert_eq!(report["subject"]["base"], rev("main"));
    assert_eq!(report["subject"]["head"], rev("work"));
    let ran = place.run(&["verify", "c.pem", "--repo", "repo", "--commit", "work", "--json"]);
    assert_eq!(
        ran.ok().json()["verified"]["diff_sha256"],
        report["subject"]["diff_sha256"]
    );
    place
        .run(&["verify", "c.pem", "--repo", "repo", "--commit", "main"])
        .fails(5, &["leads to"]);
    // A repository that lacks the commits says so.
    std::fs::create_dir(place.path("empty")).expect("a folder");
    git(&place.path("empty"), &["init", "-q"]);
    place
        .run(&["verify", "c.pem", "--repo", "empty"])
        .fails(2, &["could not find the revision"]);
}
