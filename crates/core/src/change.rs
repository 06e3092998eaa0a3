//! A change as it travels: the diff, and whole files where they are known.
//!
//! A [`ChangeSet`] is the subject of a review and lives in a blob, so its encoding is canonical: one value has one
//! byte string, and anything else is refused on decoding. Analysers want whole files; where only a diff is given,
//! [`FileText`] holds the visible fragments with the line number of every line, and never pretends that two
//! fragments are neighbours.
//!
//! Strangers get no texts. What they can check is a [`Subject`]: the SHA-256 of the diff and the commits between which it
//! lies. Its salted hash stands in the event that opens the review, and a certificate shows it.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::codec;
use crate::crypto::{self, Context, Hash};
use crate::diff::{Change, DiffError, FileDiff, LineKind};

/// Largest encoded change set, bytes: the largest diff, with room for the files that it touches.
pub const MAX_CHANGESET_BYTES: usize = 32 * 1024 * 1024;
/// Longest title, bytes: a file name or a revision range.
pub const MAX_TITLE_BYTES: usize = 1024;

/// What is reviewed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
pub struct ChangeSet {
    /// File name or revision range as the person gave it.
    #[n(0)]
    pub title: String,
    /// The diff as text; bytes that are not UTF-8 are replaced.
    #[n(1)]
    pub diff: String,
    /// Whole files after the change by path, where known.
    #[n(2)]
    pub files: BTreeMap<String, String>,
    /// Whole files before the change by path, where known.
    #[n(3)]
    pub old_files: BTreeMap<String, String>,
    /// The commit that the diff starts from, in lower-case hex; known where it was read from a repository.
    #[n(4)]
    pub base: Option<String>,
    /// The commit that the diff leads to, likewise.
    #[n(5)]
    pub head: Option<String>,
}

/// What a stranger can check of a change: a SHA-256 of the diff as it was given, and its commits. The commits are the word of
/// whoever opened the review; the diff is what was reviewed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Subject {
    /// Keeps those who only see the event from trying out diffs. It follows from the salt of the change's text, so that every
    /// member has it, and it does not give that salt away.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub salt: [u8; 16],
    /// SHA-256 of the diff's bytes, as `sha256sum` prints it.
    #[n(1)]
    pub diff: Hash,
    /// As [`ChangeSet::base`].
    #[n(2)]
    pub base: Option<String>,
    /// As [`ChangeSet::head`].
    #[n(3)]
    pub head: Option<String>,
}

impl Subject {
    /// The subject of `set`, whose text has `salt`.
    pub fn new(salt: &[u8; 16], set: &ChangeSet) -> Subject {
        let long = crypto::hash(Context::SubjectSalt, salt);
        let mut salt = [0; 16];
        salt.copy_from_slice(&long.0[..16]);
        Subject {
            salt,
            diff: diff_digest(set.diff.as_bytes()),
            base: set.base.clone(),
            head: set.head.clone(),
        }
    }

    /// What the event that opens the review says of it.
    pub fn hash(&self) -> Hash {
        crypto::hash(Context::Subject, &codec::encode(self))
    }

    /// Whether its commits are written as git writes them.
    pub fn is_well_formed(&self) -> bool {
        [&self.base, &self.head].into_iter().flatten().all(|id| is_commit(id))
    }
}

/// SHA-256 of a diff, without any context, so that everybody's tools compute it.
pub fn diff_digest(diff: &[u8]) -> Hash {
    Hash(Sha256::digest(diff).into())
}

/// Whether `id` is a git object id in full: 40 (SHA-1) or 64 (SHA-256) digits of lower-case hex.
pub fn is_commit(id: &str) -> bool {
    matches!(id.len(), 40 | 64) && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Why a change set could not be encoded or decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeSetError {
    /// More than [`MAX_CHANGESET_BYTES`].
    #[error(
        "cannot carry the change set: {bytes} bytes are more than the limit of {MAX_CHANGESET_BYTES}; give the diff \
         without whole files, or split the change"
    )]
    TooLarge {
        /// Size, at least.
        bytes: usize,
    },
    /// A title beyond [`MAX_TITLE_BYTES`].
    #[error("cannot carry the change set: its title has {bytes} bytes, the limit is {MAX_TITLE_BYTES}; shorten it")]
    Title {
        /// Size of the title.
        bytes: usize,
    },
    /// A commit that is not the full id of a git object.
    #[error("cannot carry the change set: {id:?} is no full commit id (40 or 64 digits of lower-case hex)")]
    Commit {
        /// What stood there.
        id: String,
    },
    /// Not an encoded change set.
    #[error("cannot read the change set: {why}; the sender must encode it again")]
    Malformed {
        /// What the decoder met.
        why: String,
    },
}

impl ChangeSet {
    /// A change set of a diff alone. Bytes that are not UTF-8 are replaced.
    pub fn from_diff(title: &str, diff: &[u8]) -> ChangeSet {
        ChangeSet {
            title: title.to_owned(),
            diff: String::from_utf8_lossy(diff).into_owned(),
            ..ChangeSet::default()
        }
    }

    /// Parses the diff. Replacement characters in it mark the file as lossy, since its bytes are gone by now.
    ///
    /// # Errors
    /// As [`Change::parse`].
    pub fn change(&self) -> Result<Change, DiffError> {
        let mut change = Change::parse(self.diff.as_bytes())?;
        for file in &mut change.files {
            let replaced = |text: &str| text.contains(char::REPLACEMENT_CHARACTER);
            file.lossy |= file.hunks.iter().flat_map(|h| &h.lines).any(|l| replaced(&l.text)) || replaced(file.path());
        }
        Ok(change)
    }

    /// The canonical encoding (CBOR, RFC 8949: an array of title, diff, files, old files, base, head).
    ///
    /// # Errors
    /// When it goes beyond [`MAX_CHANGESET_BYTES`] or [`MAX_TITLE_BYTES`], or a commit is none.
    pub fn to_cbor(&self) -> Result<Vec<u8>, ChangeSetError> {
        let text = |map: &BTreeMap<String, String>| map.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>();
        let bytes = self.diff.len() + text(&self.files) + text(&self.old_files);
        if bytes > MAX_CHANGESET_BYTES {
            return Err(ChangeSetError::TooLarge { bytes });
        }
        if self.title.len() > MAX_TITLE_BYTES {
            return Err(ChangeSetError::Title {
                bytes: self.title.len(),
            });
        }
        if let Some(id) = [&self.base, &self.head].into_iter().flatten().find(|id| !is_commit(id)) {
            let id = id.chars().take(80).collect();
            return Err(ChangeSetError::Commit { id });
        }
        let out = minicbor::to_vec(self).map_err(|e| ChangeSetError::Malformed { why: e.to_string() })?;
        if out.len() > MAX_CHANGESET_BYTES {
            return Err(ChangeSetError::TooLarge { bytes: out.len() });
        }
        Ok(out)
    }

    /// Reads the canonical encoding and nothing else.
    ///
    /// # Errors
    /// When it is too large, malformed, or not the one encoding of its value.
    pub fn from_cbor(bytes: &[u8]) -> Result<ChangeSet, ChangeSetError> {
        if bytes.len() > MAX_CHANGESET_BYTES {
            return Err(ChangeSetError::TooLarge { bytes: bytes.len() });
        }
        let set: ChangeSet = minicbor::decode(bytes).map_err(|e| ChangeSetError::Malformed {
            why: format!("it is no valid CBOR form ({e})"),
        })?;
        if set.to_cbor()? != bytes {
            return Err(ChangeSetError::Malformed {
                why: "its encoding is not the canonical one".to_owned(),
            });
        }
        Ok(set)
    }

    /// Text of `file` after the change: whole where known, else the fragments that the hunks show. None for a deleted
    /// or binary file.
    pub fn new_text(&self, file: &FileDiff) -> Option<FileText> {
        let path = file.new_path.as_deref().filter(|_| !file.binary)?;
        Some(
            self.files
                .get(path)
                .map_or_else(|| FileText::sparse(file, Side::New), |text| FileText::whole(text)),
        )
    }

    /// Text of `file` before the change, likewise. None for a new or binary file.
    pub fn old_text(&self, file: &FileDiff) -> Option<FileText> {
        let path = file.old_path.as_deref().filter(|_| !file.binary)?;
        Some(
            self.old_files
                .get(path)
                .map_or_else(|| FileText::sparse(file, Side::Old), |text| FileText::whole(text)),
        )
    }
}

/// Which side of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Before it.
    Old,
    /// After it.
    New,
}

/// The known text of a file: one fragment that is the whole file, or one for each hunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileText {
    /// Whether this is the whole file.
    pub whole: bool,
    /// Known regions, ascending. Between two of them lies text that is not known.
    pub fragments: Vec<Fragment>,
}

/// A run of consecutive lines of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// Number of the first line, 1-based.
    pub first_line: u32,
    /// What the hunk header says about the enclosing function; empty where the whole file is known.
    pub section: String,
    /// The lines, each with a line feed.
    pub text: String,
}

impl FileText {
    /// One fragment that holds everything.
    pub fn whole(text: &str) -> FileText {
        FileText {
            whole: true,
            fragments: vec![Fragment {
                first_line: 1,
                section: String::new(),
                text: text.to_owned(),
            }],
        }
    }

    /// The lines that the hunks of `file` show on one side. Hunks without lines on that side have no fragment, and
    /// hunks that touch each other form one.
    pub fn sparse(file: &FileDiff, side: Side) -> FileText {
        let skipped = if side == Side::New {
            LineKind::Removed
        } else {
            LineKind::Added
        };
        let mut fragments: Vec<Fragment> = Vec::new();
        let mut next_line = 0;
        for hunk in &file.hunks {
            let (start, len) = if side == Side::New {
                (hunk.new_start, hunk.new_len)
            } else {
                (hunk.old_start, hunk.old_len)
            };
            if len == 0 {
                continue;
            }
            let mut text = String::new();
            for line in hunk.lines.iter().filter(|l| l.kind != skipped) {
                text.push_str(&line.text);
                text.push('\n');
            }
            match fragments.last_mut() {
                Some(last) if next_line == start => last.text.push_str(&text),
                _ => fragments.push(Fragment {
                    first_line: start,
                    section: hunk.section.clone(),
                    text,
                }),
            }
            next_line = start.saturating_add(len);
        }
        let whole = match side {
            Side::New => file.old_path.is_none(),
            Side::Old => file.new_path.is_none(),
        };
        FileText { whole, fragments }
    }

    /// All known lines with their numbers.
    pub fn lines(&self) -> impl Iterator<Item = (u32, &str)> {
        self.fragments.iter().flat_map(|f| (f.first_line..).zip(f.text.lines()))
    }

    /// All known text; fragments follow each other without a sign of what is missing.
    pub fn text(&self) -> String {
        self.fragments.iter().map(|f| f.text.as_str()).collect()
    }

    /// Number, in the file, of the line at `index` (from 0) of [`FileText::text`].
    pub fn line_at(&self, index: usize) -> Option<u32> {
        self.lines().nth(index).map(|(number, _)| number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFF: &str = "--- a/x.py\n+++ b/x.py\n@@ -1,2 +1,3 @@\n a\n+b\n c\n@@ -10,3 +11,2 @@ def f():\n d\n-e\n f\n";

    fn set() -> ChangeSet {
        let mut set = ChangeSet::from_diff("x", DIFF.as_bytes());
        set.files.insert("longer name".into(), "1".into());
        set.files.insert("z".into(), "2".into());
        set
    }

    #[test]
    fn encoding_is_canonical_and_round_trips() {
        let bytes = set().to_cbor().unwrap();
        assert_eq!(ChangeSet::from_cbor(&bytes).unwrap(), set());
        // The same value with a length in a longer form is another byte string: refused.
        assert_eq!(bytes[..3], [0x84, 0x61, b'x']);
        let longer = [&[0x84, 0x78, 0x01, b'x'], &bytes[3..]].concat();
        assert!(matches!(
            ChangeSet::from_cbor(&longer),
            Err(ChangeSetError::Malformed { .. })
        ));
    }

    #[test]
    fn broken_encodings_are_refused() {
        let bytes = set().to_cbor().unwrap();
        for cut in 0..bytes.len() {
            assert!(ChangeSet::from_cbor(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        let trailing = [bytes.as_slice(), &[0]].concat();
        assert!(ChangeSet::from_cbor(&trailing).is_err());
        // An announced length of 2^62 must not be allocated.
        assert!(ChangeSet::from_cbor(&[0x84, 0x61, b'x', 0x60, 0xbb, 0x40, 0, 0, 0, 0, 0, 0, 0]).is_err());
    }

    #[test]
    fn sizes_are_limited() {
        let large = ChangeSet {
            diff: "x".repeat(MAX_CHANGESET_BYTES + 1),
            ..ChangeSet::default()
        };
        assert!(matches!(large.to_cbor(), Err(ChangeSetError::TooLarge { .. })));
        let title = ChangeSet {
            title: "x".repeat(MAX_TITLE_BYTES + 1),
            ..ChangeSet::default()
        };
        assert!(matches!(title.to_cbor(), Err(ChangeSetError::Title { .. })));
        assert!(matches!(
            ChangeSet::from_cbor(&vec![0; MAX_CHANGESET_BYTES + 1]),
            Err(ChangeSetError::TooLarge { .. })
        ));
    }

    #[test]
    fn sparse_text_keeps_line_numbers_and_gaps() {
        let set = ChangeSet::from_diff("x", DIFF.as_bytes());
        let change = set.change().unwrap();
        let new = set.new_text(&change.files[0]).unwrap();
        assert!(!new.whole);
        assert_eq!(
            new.lines().collect::<Vec<_>>(),
            [(1, "a"), (2, "b"), (3, "c"), (11, "d"), (12, "f")]
        );
        assert_eq!(new.fragments[1].section, "def f():");
        assert_eq!(new.line_at(3), Some(11));
        assert_eq!(new.line_at(5), None);
        let old = set.old_text(&change.files[0]).unwrap();
        assert_eq!(old.lines().map(|(n, _)| n).collect::<Vec<_>>(), [1, 2, 10, 11, 12]);
    }

    #[test]
    fn whole_files_win_over_fragments() {
        let mut set = ChangeSet::from_diff("x", DIFF.as_bytes());
        set.files.insert("x.py".into(), "whole\n".into());
        let change = set.change().unwrap();
        let text = set.new_text(&change.files[0]).unwrap();
        assert!(text.whole);
        assert_eq!(text.text(), "whole\n");
    }

    #[test]
    fn a_new_file_is_whole_and_a_deleted_one_has_no_new_text() {
        let diff = "--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+x\n--- a/d\n+++ /dev/null\n@@ -1 +0,0 @@\n-y\n";
        let set = ChangeSet::from_diff("x", diff.as_bytes());
        let change = set.change().unwrap();
        assert!(set.new_text(&change.files[0]).unwrap().whole);
        assert_eq!(set.old_text(&change.files[0]), None);
        assert_eq!(set.new_text(&change.files[1]), None);
        assert!(set.old_text(&change.files[1]).unwrap().whole);
    }

    #[test]
    fn replaced_bytes_mark_the_file() {
        let set = ChangeSet::from_diff("x", b"--- a/d\n+++ b/d\n@@ -1 +1 @@\n-y\n+\xff\n");
        assert!(set.change().unwrap().files[0].lossy);
    }
}
