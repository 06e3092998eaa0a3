//! A change to review: where it comes from, and what makes a text one.
//!
//! The core's parser decides what a diff is, so that a node never refuses what this edge let through. What is added here
//! are the words for people, and the refusal of text that is not UTF-8: a node would replace such bytes, and a quote would
//! then not be what stands in the file.

use bzzz_core::change::ChangeSet;
use bzzz_core::diff::{Change as Parsed, DiffError, MAX_DIFF_BYTES};

use crate::cli::exit::Exit;
use crate::cli::failure::{Result, fail, fail_because, from_sentence};
use crate::term::clean;

/// A change, checked to be a unified diff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The change as it is sent.
    pub set: ChangeSet,
    /// What the reader should know, for example files that were too large.
    pub warnings: Vec<String>,
}

/// The error for a diff that is too large; `bytes` is known when it lies in a file.
pub fn too_large(title: &str, bytes: Option<u64>) -> anyhow::Error {
    const MB: u64 = 1 << 20;
    let most = MAX_DIFF_BYTES as u64 / MB;
    let size = bytes.map_or_else(
        || format!("it has more than {most} MB"),
        |bytes| format!("it has {} MB, and {most} MB is the most", bytes.div_ceil(MB)),
    );
    fail_because(
        Exit::Usage,
        format!("could not review {title}"),
        size,
        Some("review it in parts, or leave generated and vendored files out of the diff"),
    )
}

/// Checks that `bytes` are a unified diff in UTF-8 with something to read in it.
pub fn check(title: &str, bytes: Vec<u8>) -> Result<String> {
    well_formed(title, &bytes)?;
    String::from_utf8(bytes).map_err(|error| other_encoding(title, error.as_bytes(), error.utf8_error().valid_up_to()))
}

/// The error for bytes that are not UTF-8, of which the first is `at`. A conversion is advised only where it is right: one that is made of a diff
/// as a whole spoils what is UTF-8 in it already.
fn other_encoding(title: &str, bytes: &[u8], at: usize) -> anyhow::Error {
    let line = 1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count();
    let parsed = Parsed::parse(bytes).ok();
    let files = parsed.iter().flat_map(|change| &change.files);
    let file = files
        .filter(|file| file.lossy)
        .find_map(|file| file.new_path.clone().or(file.old_path.clone()));
    let of = file.as_deref().map_or(String::new(), |file| format!(" of {file}"));
    let mixed = bytes.utf8_chunks().any(|chunk| !chunk.valid().is_ascii());
    let (because, hint) = match mixed {
        false => (
            format!("it is not UTF-8 text (line {line}{of}, offset {at})"),
            "convert it from its encoding, if that is Latin-1 with `iconv -f LATIN1 -t UTF-8`, and review the result"
                .to_owned(),
        ),
        true => (
            format!("one part of it is UTF-8 and another is not (line {line}{of}, offset {at})"),
            format!(
                "no conversion of the whole is right: leave such files out, for example `git diff A...B -- . ':!{}'`, or convert them where they are",
                file.as_deref().unwrap_or("FILE")
            ),
        ),
    };
    fail_because(
        Exit::Usage,
        format!("could not review {title}"),
        clean::line(&because),
        Some(&clean::line(&hint)),
    )
}

/// Checks the shape of a diff; bytes that are not UTF-8 are let through.
pub fn well_formed(title: &str, bytes: &[u8]) -> Result<()> {
    let attempt = format!("could not review {title}");
    match Parsed::parse(bytes) {
        Ok(_) | Err(DiffError::Series { .. }) if has_coloured_headers(bytes) => Err(coloured(attempt)),
        Ok(change) if !change.files.is_empty() && change.files.iter().all(|file| file.binary) => Err(fail_because(
            Exit::Usage,
            attempt,
            "it changes binary files only, and there is nothing to read in them",
            Some("review the text that the binary files are made from"),
        )),
        Ok(_) => Ok(()),
        Err(DiffError::Coloured) => Err(coloured(attempt)),
        Err(DiffError::Combined { line }) => Err(fail_because(
            Exit::Usage,
            attempt,
            format!("line {line} begins a combined diff of a merge (`diff --cc`, `@@@`), which has no single before"),
            Some(
                "give `git diff A...B` of the two branches, or `git diff MERGE^1 MERGE`; \
                 or `bzzz review --repo PATH --base A --head B`",
            ),
        )),
        Err(DiffError::Series { line, path }) => Err(fail_because(
            Exit::Usage,
            attempt,
            clean::line(&format!(
                "line {line} changes {path} a second time, so this is a series of patches (`git format-patch`, `git log -p`), and what \
                 one of them adds another may take away"
            )),
            Some("give their sum: `git diff A B`, or `bzzz review --repo . --base A --head B`"),
        )),
        // Some colours are switched off one by one, so part of such a diff can look like one.
        Err(_) if without_colours(bytes).is_some_and(|plain| Parsed::parse(&plain).is_ok()) => Err(coloured(attempt)),
        Err(error) => Err(from_sentence(Exit::Usage, attempt, &error.to_string())),
    }
}

/// Colours are refused and not taken out: what is reviewed, quoted and hashed is what was given, byte by byte.
fn coloured(attempt: String) -> anyhow::Error {
    fail_because(
        Exit::Usage,
        attempt,
        "it carries terminal colours, and what would be reviewed is not what was changed",
        Some("make it again with `git diff --no-color`"),
    )
}

/// Begins what colours a terminal: a control sequence (ECMA-48) that ends in `m`.
const ESCAPE: &[u8] = b"\x1b[";

/// Whether a header is coloured: a line that can be no content, since that begins with a blank, `+` or `-`. Git quotes an escape in a name. Where
/// all headers of a file are coloured the parser sees none of them, and only what stands beside it.
fn has_coloured_headers(bytes: &[u8]) -> bool {
    let header = |line: &[u8]| {
        [&b"diff --git "[..], b"@@ -"]
            .iter()
            .any(|start| line.starts_with(start))
    };
    let mut lines = bytes.split(|byte| *byte == b'\n');
    lines.any(|line| {
        let begins = line.starts_with(b"diff --git ") || line.starts_with(ESCAPE);
        begins && without_colours(line).is_some_and(|plain| header(&plain))
    })
}

/// The text without colours; none where there are none.
fn without_colours(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(2).position(|two| two == ESCAPE) {
        out.extend_from_slice(&rest[..at]);
        let behind = &rest[at + ESCAPE.len()..];
        let parameters = behind
            .iter()
            .take_while(|byte| byte.is_ascii_digit() || **byte == b';')
            .count();
        if behind.get(parameters) == Some(&b'm') {
            rest = &behind[parameters + 1..];
        } else {
            out.extend_from_slice(ESCAPE);
            rest = behind;
        }
    }
    (rest.len() < bytes.len()).then(|| {
        out.extend_from_slice(rest);
        out
    })
}

/// The one error for a file that cannot be opened.
pub fn unreadable(title: &str, error: &std::io::Error) -> anyhow::Error {
    let hint = match error.kind() {
        std::io::ErrorKind::NotFound => "check the path; `-` reads standard input",
        std::io::ErrorKind::PermissionDenied => "check the rights of the file",
        _ => "check the path",
    };
    fail_because(
        Exit::Usage,
        format!("could not read {title}"),
        error.to_string(),
        Some(hint),
    )
}

/// The error for a folder where a diff is wanted.
pub fn folder(title: &str) -> anyhow::Error {
    fail(
        Exit::Usage,
        format!("could not read {title}: it is a folder"),
        Some("give a diff file, or review a repository with --repo PATH"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::failure::Shown;

    #[test]
    fn each_refusal_says_its_own_reason_and_what_to_do() {
        let diff = b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n";
        assert!(check("x", diff.to_vec()).is_ok());
        let bad: [(&[u8], &str); 8] = [
            (b" \n\n", "empty"),
            (b"--- a\0b", "binary data"),
            (b"\xff\xfe-\0-\0", "UTF-16"),
            (b"hello\nworld\n", "no unified diff"),
            (b"\x1b[1mdiff --git a/x b/x\x1b[m\n", "terminal colours"),
            (b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+\xe9\n", "line 5"),
            (b"--- a/x\n+++ b/x\n@@ -1,3 +1 @@\n-a\n", "line 3"),
            (
                b"diff --git a/x b/x\nBinary files a/x and b/x differ\n",
                "binary files only",
            ),
        ];
        for (bytes, words) in bad {
            let shown = Shown::new(&check("x", bytes.to_vec()).expect_err("a refusal")).0;
            assert!(shown.because.join(" ").contains(words), "{words}: {shown:?}");
            assert!(shown.hint.is_some(), "{shown:?}");
        }
    }
    fn refusal(bytes: &[u8]) -> (String, String) {
        let shown = Shown::new(&check("x", bytes.to_vec()).expect_err("a refusal")).0;
        (shown.because.join(" "), shown.hint.unwrap_or_default())
    }

    #[test]
    fn colours_are_seen_wherever_they_are() {
        let coloured = |text: &str| {
            let (because, hint) = refusal(text.as_bytes());
            assert!(because.contains("terminal colours"), "{because}: {text:?}");
            assert!(hint.contains("git diff --no-color"), "{hint}");
        };
        let head = "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n k\n";
        // Everything; lines only; an end of each line only.
        coloured("\x1b[1mdiff --git a/x b/x\x1b[m\n\x1b[1m--- a/x\x1b[m\n");
        coloured(&format!("{head}\x1b[31m-a\x1b[m\n\x1b[32m+\x1b[m\x1b[32mb\x1b[m\n"));
        // Beside a file that is not.
        coloured(&format!("\x1b[1mdiff --git a/y b/y\x1b[m\n{head}-a\n+b\n"));
        coloured(&format!("diff --git a/x b/x\x1b[m\n{head}-a\x1b[m\n+b\x1b[m\n"));
        coloured(&format!("{head}\x1b[1;38;5;208m-a\x1b[m\n\x1b[32m+caf\u{e9}\x1b[0m\n"));
        // Text about colours is text.
        let about = format!("diff --git a/x b/x\n{head}-print('\x1b[31mred')\n+print('\x1b[2J')\n");
        assert_eq!(check("x", about.clone().into_bytes()).expect("a diff"), about);
        // And a broken diff with such text is broken.
        let (because, _) = refusal(format!("{head}-'\x1b[31m'\n").as_bytes());
        assert!(because.contains("its header announces"), "{because}");
    }

    #[test]
    fn a_merge_is_told_how_to_be_compared() {
        for text in [
            "diff --cc x\nindex 1,2..3\n--- a/x\n+++ b/x\n@@@ -1,1 -1,1 +1,1 @@@\n- a\n -b\n++c\n",
            "commit 1\nMerge: 2 3\n\ndiff --combined x\n",
        ] {
            let (because, hint) = refusal(text.as_bytes());
            assert!(because.contains("combined diff of a merge"), "{because}");
            assert!(hint.contains("git diff A...B") && hint.contains("--repo"), "{hint}");
        }
    }

    #[test]
    fn a_series_of_patches_is_told_how_to_become_one_change() {
        let patch = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n";
        let (because, hint) = refusal(format!("{patch}\ncommit 2\n\n{patch}").as_bytes());
        assert!(because.contains("line 10 changes x a second time"), "{because}");
        assert!(
            hint.contains("git diff A B") && hint.contains("--repo . --base A --head B"),
            "{hint}"
        );
    }

    #[test]
    fn a_conversion_is_advised_where_it_is_right() {
        let of = |name: &str, line: &[u8]| {
            [
                format!("--- a/{name}\n+++ b/{name}\n@@ -0,0 +1 @@\n+").as_bytes(),
                line,
                b"\n",
            ]
            .concat()
        };
        let latin = of("l.py", b"'\xe9'");
        let (because, hint) = refusal(&latin);
        assert!(because.contains("line 4 of l.py"), "{because}");
        assert!(hint.contains("iconv -f LATIN1 -t UTF-8"), "{hint}");
        // That would make two characters of each umlaut of the other file.
        let (because, hint) = refusal(&[of("u.py", "'\u{fc}'".as_bytes()), latin].concat());
        assert!(because.contains("line 8 of l.py"), "{because}");
        assert!(hint.contains("':!l.py'") && !hint.contains("iconv"), "{hint}");
    }
}
