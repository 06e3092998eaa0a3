//! Bad input to `bzzz review`: each kind has its own message, status 2, and no node is needed to see it.

use std::time::{Duration, Instant};

use crate::support::{DIFF, Place};

#[test]
fn every_bad_diff_has_its_own_message() {
    let place = Place::new();
    let check = |name: &str, bytes: &[u8], words: &[&str]| {
        let file = place.file(name, bytes);
        place.run(&["review", &file]).fails(2, words);
        place.run_stdin(&["review", "-"], bytes).fails(2, words);
    };
    check("empty", b"", &["it is empty"]);
    check("blank", b"\n \n", &["it is empty"]);
    check("binary", b"\x7fELF\0\0", &["it is binary data"]);
    check(
        "latin",
        b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+\xe9\n",
        &["not UTF-8", "line 5", "iconv"],
    );
    check("prose", b"dear reader\n", &["no unified diff", "git diff"]);
    check(
        "cut",
        b"--- a\n+++ b\n@@ -1,4 +1,4 @@\n a\n",
        &["line 3", "make it again"],
    );
    check(
        "images",
        b"diff --git a/x b/x\nBinary files a/x and b/x differ\n",
        &["binary files only"],
    );
}

#[test]
fn a_hundred_megabytes_are_refused_before_they_are_read() {
    let place = Place::new();
    let file = std::fs::File::create(place.path("huge.diff")).expect("a file");
    file.set_len(100 << 20).expect("a size");
    let start = Instant::now();
    place
        .run(&["review", "huge.diff"])
        .fails(2, &["it has 100 MB, and 16 MB is the most"]);
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn an_endless_stream_is_cut_off() {
    let mut bytes = DIFF.as_bytes().to_vec();
    bytes.resize(17 << 20, b'\n');
    Place::new()
        .run_stdin(&["review", "-"], &bytes)
        .fails(2, &["more than 16 MB"]);
}

#[test]
fn files_that_cannot_be_read_are_told() {
    let place = Place::new();
    place
        .run(&["review", "none.diff"])
        .fails(2, &["could not read none.diff", "because:", "try:"]);
    place.run(&["review", "."]).fails(2, &["it is a folder"]);
    place.run(&["review", "a\u{1b}[2Jb"]).fails(2, &["a␛[2Jb"]);
}

#[test]
fn errors_are_one_json_object_with_json() {
    let ran = Place::new().run(&["--json", "review", "none.diff"]);
    let error = ran.fails(2, &[]).error();
    assert_eq!(error["exit"], 2);
    assert_eq!(error["kind"], "usage");
    assert!(
        error["error"]
            .as_str()
            .is_some_and(|text| text.starts_with("could not"))
    );
    assert!(ran.out.is_empty());
}
