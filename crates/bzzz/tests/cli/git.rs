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
    check(
        &["repo", "--base", "HEAD"],
        &["it is empty", "git -C repo diff HEAD | bzzz review -"],
    );
    // What is staged is no commit.
    std::fs::write(repo.join("kept.py"), "a = 9\n").expect("a file");
    git(&repo, &["add", "kept.py"]);
    check(&["repo", "--base", "HEAD"], &["only commits are compared"]);
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
    // A partial clone fetches what it lacks by a program that its own settings name.
    git(&repo, &["config", "uploadpack.allowFilter", "true"]);
    let from = format!("file://{}", repo.display());
    git(
        &place.path("."),
        &["clone", "-q", "--no-checkout", "--filter=blob:none", &from, "part"],
    );
    git(&place.path("part"), &["config", "remote.origin.uploadpack", &trap]);
    let part = ["review", "--repo", "part", "--base", "HEAD~1", "--head", "HEAD"];
    place.run(&part).fails(2, &["could not"]);
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
    // Nobody's settings change what is compared.
    for (key, value) in [
        ("core.abbrev", "5"),
        ("diff.algorithm", "patience"),
        ("diff.interHunkContext", "9"),
        ("diff.suppressBlankEmpty", "true"),
        ("diff.noprefix", "true"),
        ("diff.context", "1"),
    ] {
        git(&repo, &["config", key, value]);
    }
    place.run(&["verify", "c.pem", "--repo", "repo"]).ok();
    // A repository that lacks the commits says so.
    std::fs::create_dir(place.path("empty")).expect("a folder");
    git(&place.path("empty"), &["init", "-q"]);
    place
        .run(&["verify", "c.pem", "--repo", "empty"])
        .fails(2, &["could not find the revision"]);
}

/// What git writes in its various ways, each reviewed or refused in words.
#[test]
fn each_output_of_git_is_reviewed_or_told_how_to_be_made() {
    let place = Place::new();
    let repo = repository(&place);
    git(&repo, &["checkout", "-q", "main"]);
    std::fs::write(repo.join("kept.py"), "a = 3\n").expect("a file");
    git(&repo, &["commit", "-qam", "three, caf\u{e9}"]);
    // Both changed one line: the merge has to be put right by hand, so git shows it combined.
    git(&repo, &["merge", "-q", "-s", "ours", "work"]);
    std::fs::write(repo.join("kept.py"), "a = 4\n").expect("a file");
    git(&repo, &["commit", "-qa", "--amend", "--no-edit"]);
    let output = |args: &[&str]| {
        let ran = place
            .other("git")
            .arg("-C")
            .arg(&repo)
            .args(args)
            .output()
            .expect("git");
        assert!(ran.status.success() && !ran.stdout.is_empty(), "{args:?}");
        ran.stdout
    };
    for args in [
        &["log", "-p", "-1", "main~1"][..],
        &["log", "-p", "--stat", "-1", "work"],
        &["format-patch", "--stdout", "-1", "main~1"],
        &["show", "main~1"],
        &["diff", "work", "main"],
    ] {
        let node = FakeNode::start(vec![review(|_| {}, None)]);
        let diff = output(args);
        let ran = place.run_stdin(&["review", "-", "--node", &node.address], &diff);
        assert_eq!(ran.code, Some(1), "{args:?}: {ran:?}");
        // As it was given, with its letters around it.
        let sent = &node.requests()[0].body["change"]["diff"];
        assert_eq!(sent.as_str().map(str::as_bytes), Some(&diff[..]), "{args:?}");
    }
    for (args, words) in [
        (&["show", "main"][..], "git diff A...B"),
        // Several commits change one file: what one of them adds another may take away.
        (&["log", "-p"], "git diff A B"),
        (&["log", "-p", "-m", "--stat"], "--repo . --base A --head B"),
        (
            &["format-patch", "--stdout", "--root", "main~1"],
            "changes kept.py a second time",
        ),
        (&["log", "-p", "--cc"], "git diff A...B"),
        (&["log", "-p", "--color"], "git diff --no-color"),
        (&["diff", "--color", "work"], "git diff --no-color"),
        (&["diff", "--stat", "work"], "make one with `git diff`"),
    ] {
        place.run_stdin(&["review", "-"], &output(args)).fails(2, &[words]);
    }
    // Colours of which some are switched off.
    let some = [
        "-c",
        "color.diff.meta=normal",
        "-c",
        "color.diff.frag=normal",
        "diff",
        "--color",
        "work",
    ];
    place
        .run_stdin(&["review", "-"], &output(&some))
        .fails(2, &["terminal colours", "git diff --no-color"]);
}
