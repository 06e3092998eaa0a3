//! A change to review: where it comes from, and what makes a text one.
//!
//! The core's parser decides what a diff is, so that a node never refuses what this edge let through. What is added here
//! are the words for people, and the refusal of text that is not UTF-8: a node would replace such bytes, and a quote would
//! then not be what stands in the file.

use bzzz_core::change::ChangeSet;
use bzzz_core::diff::{Change as Parsed, MAX_DIFF_BYTES};

use crate::cli::exit::Exit;
use crate::cli::failure::{Result, fail, fail_because, from_sentence};

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
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count();
        fail_because(
            Exit::Usage,
            format!("could not review {title}"),
            format!("it is not UTF-8 text (line {line}, offset {at})"),
            Some("convert it, for example with `iconv -f LATIN1 -t UTF-8`"),
        )
    })
}

/// Checks the shape of a diff; bytes that are not UTF-8 are let through.
pub fn well_formed(title: &str, bytes: &[u8]) -> Result<()> {
    let attempt = format!("could not review {title}");
    match Parsed::parse(bytes) {
        Ok(change) if !change.files.is_empty() && change.files.iter().all(|file| file.binary) => Err(fail_because(
            Exit::Usage,
            attempt,
            "it changes binary files only, and there is nothing to read in them",
            Some("review the text that the binary files are made from"),
        )),
        Ok(_) => Ok(()),
        Err(error) => Err(from_sentence(Exit::Usage, attempt, &error.to_string())),
    }
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
        let bad: [(&[u8], &str); 7] = [
            (b" \n\n", "empty"),
            (b"--- a\0b", "binary data"),
            (b"\xff\xfe-\0-\0", "UTF-16"),
            (b"hello\nworld\n", "no unified diff"),
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
}
