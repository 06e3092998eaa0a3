//! Tables of real-world forms, broken forms, and a generator whose diffs must come back as they went out.

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Change {
    Change::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

fn error(text: &str) -> DiffError {
    Change::parse(text.as_bytes()).expect_err(text)
}

fn paths(change: &Change) -> Vec<(Option<&str>, Option<&str>, FileStatus)> {
    change
        .files
        .iter()
        .map(|f| (f.old_path.as_deref(), f.new_path.as_deref(), f.status))
        .collect()
}

#[test]
fn a_plain_git_diff() {
    let change = parse(
        "diff --git a/src/x.rs b/src/x.rs\nindex 1..2 100644\n--- a/src/x.rs\n+++ b/src/x.rs\n@@ -3,3 +3,4 @@ fn main() {\n a\n-b\n+c\n+d\n e\n",
    );
    assert_eq!(
        paths(&change),
        [(Some("src/x.rs"), Some("src/x.rs"), FileStatus::Modified)]
    );
    let hunk = &change.files[0].hunks[0];
    assert_eq!(hunk.section, "fn main() {");
    let got: Vec<_> = hunk
        .lines
        .iter()
        .map(|l| (l.kind, l.old_no, l.new_no, l.text.as_str()))
        .collect();
    use LineKind::*;
    assert_eq!(
        got,
        [
            (Context, Some(3), Some(3), "a"),
            (Removed, Some(4), None, "b"),
            (Added, None, Some(4), "c"),
            (Added, None, Some(5), "d"),
            (Context, Some(5), Some(6), "e"),
        ]
    );
    assert_eq!(
        change.stats(),
        DiffStats {
            files: 1,
            added: 2,
            removed: 1
        }
    );
}

#[test]
fn extended_headers() {
    let change = parse(
        "diff --git a/old name b/new name\nsimilarity index 100%\nrename from old name\nrename to new name\n\
         diff --git a/c b/d\nsimilarity index 90%\ncopy from c\ncopy to d\nindex 1..2\n--- a/c\n+++ b/d\n@@ -1 +1 @@\n-x\n+y\n\
         diff --git a/run.sh b/run.sh\nold mode 100644\nnew mode 100755\n\
         diff --git a/empty b/empty\nnew file mode 100644\nindex 0000000..e69de29\n\
         diff --git a/gone b/gone\ndeleted file mode 100644\nindex e69de29..0000000\n",
    );
    assert_eq!(
        paths(&change),
        [
            (Some("old name"), Some("new name"), FileStatus::Renamed),
            (Some("c"), Some("d"), FileStatus::Copied),
            (Some("run.sh"), Some("run.sh"), FileStatus::ModeChanged),
            (None, Some("empty"), FileStatus::Added),
            (Some("gone"), None, FileStatus::Deleted),
        ]
    );
}

#[test]
fn binary_markers() {
    let change = parse(
        "diff --git a/i.png b/i.png\nindex 1..2 100644\nBinary files a/i.png and b/i.png differ\n\
         diff --git a/n.bin b/n.bin\nnew file mode 100644\nindex 0..1\nGIT binary patch\nliteral 5\nMcmZQzU|?imU|?iG+\n\n\
         literal 0\nHcmV?d00001\n\n\
         diff --git a/t b/t\n--- a/t\n+++ b/t\n@@ -1 +1 @@\n-a\n+b\nBinary files old/z.bin and new/z.bin differ\n",
    );
    let got: Vec<_> = change.files.iter().map(|f| (f.path(), f.binary)).collect();
    assert_eq!(
        got,
        [("i.png", true), ("n.bin", true), ("t", false), ("new/z.bin", true)]
    );
    assert_eq!(change.files[1].status, FileStatus::Added);
}

#[test]
fn quoted_paths() {
    let change = parse(
        "diff --git \"a/na\\303\\257ve \\\"q\\\".txt\" \"b/na\\303\\257ve \\\"q\\\".txt\"\n--- \"a/na\\303\\257ve \\\"q\\\".txt\"\n\
         +++ \"b/na\\303\\257ve \\\"q\\\".txt\"\n@@ -1 +1 @@\n-x\n+y\n\
         diff --git \"a/\\377\" \"b/\\377\"\nold mode 100644\nnew mode 100755\n",
    );
    assert_eq!(change.files[0].path(), "naïve \"q\".txt");
    assert!(!change.files[0].lossy);
    assert_eq!(change.files[1].path(), "\u{fffd}");
    assert!(change.files[1].lossy);
    for bad in ["\"a/x", "\"a/\\9\"", "\"a/\\40\"", "\"a\" b", "\"\"", ""] {
        let text = format!("--- {bad}\n+++ b/x\n@@ -1 +1 @@\n-x\n+y\n");
        assert!(matches!(error(&text), DiffError::Path { line: 1, .. }), "{bad}");
    }
}

#[test]
fn prefixes() {
    for (old, new, want) in [
        ("a/x", "b/x", "x"),
        ("i/x", "w/x", "x"),
        ("c/x", "i/x", "x"),
        ("b/x", "a/x", "x"),
        ("x", "x", "x"),
        ("a/x", "a/x", "a/x"),
        ("old/x", "new/x", "new/x"),
        ("/dev/null", "b/x", "x"),
        ("a/x", "/dev/null", "x"),
        (
            "x.orig\t2024-01-01 00:00:00.0 +0000",
            "x\t2024-01-02 00:00:00.0 +0000",
            "x",
        ),
    ] {
        let change = parse(&format!("--- {old}\n+++ {new}\n@@ -1 +1 @@\n-x\n+y\n"));
        assert_eq!(change.files[0].path(), want, "{old} {new}");
    }
}

#[test]
fn line_ends() {
    let crlf = parse("diff --git a/x b/x\r\n--- a/x\r\n+++ b/x\r\n@@ -1,2 +1,2 @@ f\r\n a\r\n-b\r\n+c\r\n");
    assert_eq!(crlf.files[0].path(), "x");
    assert_eq!(crlf.files[0].hunks[0].section, "f");
    assert_eq!(crlf.files[0].hunks[0].lines[2].text, "c\r");
    let no_eol =
        parse("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n\\ No newline at end of file");
    assert!(no_eol.files[0].hunks[0].lines.iter().all(|l| l.no_newline));
    let cut_feed = parse("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b");
    assert_eq!(cut_feed.files[0].hunks[0].lines[1].text, "b");
    let stripped = parse("--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n a\n\n-b\n+c\n");
    assert_eq!(stripped.files[0].hunks[0].lines[1].kind, LineKind::Context);
}

#[test]
fn mails_and_several_patches() {
    let mail = |n: u32, path: &str| {
        format!(
            "From 0123 Mon Sep 17 00:00:00 2001\nFrom: A <a@example.org>\nSubject: [PATCH {n}/2] Do it\n\n--- a note, not a header\n\
             rename from nothing\n---\n x | 2 +-\n 1 file changed\n\ndiff --git a/{path} b/{path}\nindex 1..2\n--- a/{path}\n+++ b/{path}\n\
             @@ -{n} +{n} @@\n-x\n+y\n-- \n2.40.1\n\n"
        )
    };
    let change = parse(&(mail(1, "x") + &mail(2, "y")));
    assert_eq!(change.files.iter().map(FileDiff::path).collect::<Vec<_>>(), ["x", "y"]);
    assert!(change.files.iter().all(|f| f.status == FileStatus::Modified));
    let series = Change::parse((mail(1, "x") + &mail(2, "x")).as_bytes());
    assert!(matches!(series, Err(DiffError::Series { path, .. }) if path == "x"));
    let plain =
        parse("Only in b: z\nIndex: x\n====\n--- x\n+++ x\n@@ -1 +1 @@\n-x\n+y\n--- z\n+++ z\n@@ -1 +1 @@\n-x\n+y\n");
    assert_eq!(plain.files.len(), 2);
}

#[test]
fn content_that_looks_like_headers() {
    let change = parse("--- a/x\n+++ b/x\n@@ -1,2 +1,3 @@\n--- gone\n+++ here\n+@@ -1 +1 @@\n c\n");
    let texts: Vec<_> = change.files[0].hunks[0].lines.iter().map(|l| l.text.as_str()).collect();
    assert_eq!(texts, ["-- gone", "++ here", "@@ -1 +1 @@", "c"]);
}

#[test]
fn not_utf8_is_kept_and_flagged() {
    let change =
        Change::parse(b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+\xe9t\xe9\n--- a/y\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n")
            .unwrap();
    assert!(change.files[0].lossy);
    assert_eq!(change.files[0].hunks[0].lines[1].text, "\u{fffd}t\u{fffd}");
    assert!(!change.files[1].lossy);
}

#[test]
fn each_bad_input_has_its_own_error() {
    let head = "--- a/x\n+++ b/x\n";
    assert_eq!(error(""), DiffError::Empty);
    assert_eq!(error(" \n\t\n"), DiffError::Empty);
    assert_eq!(error("hello\nworld\n"), DiffError::NotADiff);
    assert_eq!(error("\x1b[1mdiff --git a/x b/x\x1b[m\n"), DiffError::Coloured);
    assert_eq!(Change::parse(b"\x7fELF\x02\x01\0\0"), Err(DiffError::BinaryInput));
    for (kind, line) in [("+", 5), ("-", 4), (" ", 6)] {
        let lines = [("-", 4), ("+", 5), (" ", 6)].map(|(k, _)| {
            if k == kind {
                format!("{k}a\0b\n")
            } else {
                format!("{k}a\n")
            }
        });
        let diff = format!("{head}@@ -1,2 +1,2 @@\n{}", lines.concat());
        assert_eq!(error(&diff), DiffError::BinaryLine { line });
    }
    assert_eq!(Change::parse(b"\xff\xfed\0i\0"), Err(DiffError::Utf16));
    assert_eq!(
        error(&"x".repeat(MAX_DIFF_BYTES + 1)),
        DiffError::TooLarge {
            bytes: MAX_DIFF_BYTES + 1
        }
    );
    assert_eq!(error("diff --cc x\n"), DiffError::Combined { line: 1 });
    assert_eq!(
        error(&format!("{head}@@@ -1 -1 +1 @@@\n")),
        DiffError::Combined { line: 3 }
    );
    assert_eq!(error("@@ -1 +1 @@\n-a\n+b\n"), DiffError::OrphanHunk { line: 1 });
    for bad in [
        "@@ -1",
        "@@ -a +1 @@",
        "@@ -1 +1",
        "@@ -0,1 +1 @@",
        "@@ -1,2,3 +1 @@",
        "@@ -1 +1@@",
        "@@ -, +1 @@",
    ] {
        assert!(
            matches!(
                error(&format!("{head}{bad}\n-a\n+b\n")),
                DiffError::HunkHeader { line: 3, .. }
            ),
            "{bad}"
        );
    }
    for bad in [
        "@@ -4294967295 +1 @@",
        "@@ -1 +4294967000,400 @@",
        "@@ -99999999999 +1 @@",
    ] {
        assert_eq!(
            error(&format!("{head}{bad}\n-a\n+b\n")),
            DiffError::HunkOverflow { line: 3 },
            "{bad}"
        );
    }
    assert_eq!(
        error(&format!("{head}@@ -5 +5 @@\n-a\n+b\n@@ -5 +5 @@\n-a\n+b\n")),
        DiffError::HunkOrder { line: 6 }
    );
}

#[test]
fn counts_that_lie_name_the_line() {
    let head = "--- a/x\n+++ b/x\n";
    let count = |body: &str| match error(&format!("{head}{body}")) {
        DiffError::HunkCount { line, found, at, .. } => (line, found, at),
        other => panic!("{other:?}"),
    };
    assert_eq!(count("@@ -1,2 +1,2 @@\n a\n"), (3, "ends", 5));
    assert_eq!(count("@@ -1,2 +1,2 @@\n a\ndiff --git a/y b/y\n"), (3, "ends", 5));
    assert_eq!(count("@@ -1 +1 @@\n-a\n+b\n+c\n"), (3, "goes on", 6));
    assert_eq!(count("@@ -1 +1,2 @@\n-a\n-b\n"), (3, "ends", 5));
    let said = error(&format!("{head}@@ -1,2 +1,2 @@\n a\n")).to_string();
    assert!(
        said.contains("line 3") && said.contains("line 5") && said.contains("make it again"),
        "{said}"
    );
}

#[test]
fn files_and_lines_are_limited() {
    let one = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n";
    assert!(matches!(
        error(&one.repeat(MAX_DIFF_FILES + 1)),
        DiffError::TooManyFiles { .. }
    ));
    let n = MAX_DIFF_LINES + 1;
    let many = format!("--- a/x\n+++ b/x\n@@ -0,0 +1,{n} @@\n{}", "+\n".repeat(n));
    assert!(matches!(error(&many), DiffError::TooManyLines { .. }));
}

/// A script of edits: for each region some context, then removed and added lines.
fn files() -> impl Strategy<Value = Vec<(String, Vec<DiffLine>, usize)>> {
    let text = prop_oneof![
        4 => "[ -~]{0,12}",
        1 => Just("--- a/x".to_owned()),
        1 => Just("++ b/x".to_owned()),
        1 => Just("@@ -1 +1 @@".to_owned()),
        1 => Just("日本\t\r".to_owned()),
    ];
    let kind = prop_oneof![3 => Just(LineKind::Context), 1 => Just(LineKind::Added), 1 => Just(LineKind::Removed)];
    let line = (kind, text).prop_map(|(kind, text)| DiffLine {
        kind,
        old_no: None,
        new_no: None,
        text,
        no_newline: false,
    });
    let name = prop_oneof![
        "[a-z]{1,6}(/[a-z.]{1,6}){0,2}",
        "[ -~&&[^/]]{1,8}",
        "[éß\t\"\\\\x]{1,5}"
    ];
    prop::collection::vec((name, prop::collection::vec(line, 1..60), 0usize..4), 1..5)
}

/// Numbers the lines and cuts them into hunks with `context` lines around each difference.
fn hunks(mut lines: Vec<DiffLine>, context: usize) -> Vec<Hunk> {
    let (mut old, mut new) = (1, 1);
    for line in &mut lines {
        line.old_no = (line.kind != LineKind::Added).then_some(old);
        line.new_no = (line.kind != LineKind::Removed).then_some(new);
        old += u32::from(line.old_no.is_some());
        new += u32::from(line.new_no.is_some());
    }
    let near = |at: usize| {
        let span = at.saturating_sub(context)..(at + context + 1).min(lines.len());
        lines[span].iter().any(|l| l.kind != LineKind::Context)
    };
    let shown: Vec<bool> = (0..lines.len()).map(near).collect();
    let mut hunks = Vec::new();
    let mut at = 0;
    let (mut old, mut new) = (0, 0);
    while at < lines.len() {
        let begin = at;
        while at < lines.len() && shown[at] {
            at += 1;
        }
        if at > begin {
            let body = lines[begin..at].to_vec();
            let old_len = body.iter().filter(|l| l.old_no.is_some()).count() as u32;
            let new_len = body.iter().filter(|l| l.new_no.is_some()).count() as u32;
            let start = |before: u32, len: u32| if len == 0 { before } else { before + 1 };
            let section = String::new();
            hunks.push(Hunk {
                old_start: start(old, old_len),
                old_len,
                new_start: start(new, new_len),
                new_len,
                section,
                lines: body,
            });
        }
        let end = at.max(begin + 1);
        for line in &lines[begin..end] {
            old += u32::from(line.old_no.is_some());
            new += u32::from(line.new_no.is_some());
        }
        at = end;
    }
    hunks
}

fn quote(path: &str) -> String {
    if path
        .bytes()
        .all(|b| (0x20..0x7f).contains(&b) && b != b'"' && b != b'\\')
    {
        return format!("{path}\t");
    }
    let body: String = path
        .bytes()
        .map(|b| match b {
            b'"' | b'\\' => format!("\\{}", b as char),
            b'\t' => "\\t".to_owned(),
            0x20..0x7f => (b as char).to_string(),
            _ => format!("\\{b:03o}"),
        })
        .collect();
    format!("\"{body}\"")
}

fn render(files: &[FileDiff]) -> String {
    let mut out = String::new();
    for file in files {
        let path = file.path();
        out += &format!(
            "--- {}\n+++ {}\n",
            quote(&format!("a/{path}")),
            quote(&format!("b/{path}"))
        );
        for h in &file.hunks {
            out += &format!("@@ -{},{} +{},{} @@\n", h.old_start, h.old_len, h.new_start, h.new_len);
            for line in &h.lines {
                out.push(match line.kind {
                    LineKind::Context => ' ',
                    LineKind::Added => '+',
                    LineKind::Removed => '-',
                });
                out += &line.text;
                out.push('\n');
            }
        }
    }
    out
}

proptest! {
    #[test]
    fn rendered_diffs_come_back(files in files()) {
        let mut paths = std::collections::BTreeSet::new();
        let files: Vec<FileDiff> = files
            .into_iter()
            // Two sections of one path are no one change.
            .filter(|(path, ..)| paths.insert(path.clone()))
            .map(|(path, lines, context)| FileDiff {
                old_path: Some(path.clone()),
                new_path: Some(path),
                status: FileStatus::Modified,
                binary: false,
                lossy: false,
                hunks: hunks(lines, context),
            })
            .collect();
        let text = render(&files);
        prop_assert_eq!(Change::parse(text.as_bytes()), Ok(Change { files }), "{}", text);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Change::parse(&bytes);
    }

    #[test]
    fn broken_diffs_never_panic(files in files(), cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let whole: Vec<FileDiff> = files
            .into_iter()
            .map(|(path, lines, context)| FileDiff {
                old_path: Some(path.clone()), new_path: Some(path), status: FileStatus::Modified,
                binary: false, lossy: false, hunks: hunks(lines, context),
            })
            .collect();
        let mut bytes = render(&whole).into_bytes();
        for (at, byte) in cuts {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
                if byte % 3 == 0 { bytes.remove(at); }
            }
        }
        if let Ok(change) = Change::parse(&bytes) {
            for hunk in change.files.iter().flat_map(|f| &f.hunks) {
                prop_assert_eq!(hunk.lines.iter().filter(|l| l.old_no.is_some()).count(), hunk.old_len as usize);
                prop_assert_eq!(hunk.lines.iter().filter(|l| l.new_no.is_some()).count(), hunk.new_len as usize);
            }
        }
    }
}

/// Found by the fuzzer: the words before and after the names overlap where there are none.
#[test]
fn a_binary_marker_without_names_is_prose() {
    for text in ["Binary files differ\n", "diff --git a/x b/x\nBinary files differ\n"] {
        let parsed = Change::parse(text.as_bytes());
        assert!(parsed.is_err() || parsed.is_ok_and(|c| c.files.iter().all(|f| !f.binary)));
    }
}
