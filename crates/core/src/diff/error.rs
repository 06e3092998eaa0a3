//! What can be wrong with a diff, said so that the reader knows what to do next.

use super::{MAX_DIFF_BYTES, MAX_DIFF_FILES, MAX_DIFF_LINES, MAX_PATH_BYTES};

/// Why an input could not be read as a diff. Line numbers are 1-based lines of the input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiffError {
    /// Nothing but white space.
    #[error(
        "cannot review the diff: it is empty; give the output of `git diff BASE HEAD`, and check that there is a difference"
    )]
    Empty,
    /// Text, but no file header and no hunk.
    #[error(
        "cannot review the input: it is text without a single file header or hunk, so it is no unified diff; \
         make one with `git diff` or `diff -u`"
    )]
    NotADiff,
    /// Bytes that are no text.
    #[error(
        "cannot review the input: it is binary data, not a diff; give a text file made with `git diff` or `diff -u`"
    )]
    BinaryInput,
    /// A NUL byte inside a hunk: the file is binary, and was made into text by force (`--text`).
    #[error(
        "cannot review the diff: line {line} holds a NUL byte, so its file is binary and not text; make the diff again without \
         `--text`, or leave the file out"
    )]
    BinaryLine {
        /// The line.
        line: usize,
    },
    /// UTF-16, as some shells write when output is redirected.
    #[error(
        "cannot read the diff: it is UTF-16, which some shells write on redirection; \
         let git write the file itself: `git diff --output=FILE`"
    )]
    Utf16,
    /// Terminal colours.
    #[error("cannot read the diff: it carries terminal colours; make it again with `git diff --no-color`")]
    Coloured,
    /// More than [`MAX_DIFF_BYTES`].
    #[error(
        "cannot review the diff: {bytes} bytes are more than the limit of {MAX_DIFF_BYTES}; split the change, or leave \
         generated and vendored files out, for example `git diff -- ':!vendor'`"
    )]
    TooLarge {
        /// Size of the input.
        bytes: usize,
    },
    /// More than [`MAX_DIFF_FILES`].
    #[error(
        "cannot review the diff: at line {line} it goes beyond {MAX_DIFF_FILES} files; split the change into smaller ones"
    )]
    TooManyFiles {
        /// Where the limit was passed.
        line: usize,
    },
    /// More than [`MAX_DIFF_LINES`].
    #[error(
        "cannot review the diff: at line {line} it goes beyond {MAX_DIFF_LINES} changed and context lines; split the \
         change, or leave generated files out"
    )]
    TooManyLines {
        /// Where the limit was passed.
        line: usize,
    },
    /// A combined diff of a merge.
    #[error(
        "cannot review the diff: line {line} starts a combined diff of a merge (`@@@` or `diff --cc`), which has no \
         single before; diff the merge against one parent: `git diff MERGE^1 MERGE`"
    )]
    Combined {
        /// Where it starts.
        line: usize,
    },
    /// Several patches that change one path.
    #[error(
        "cannot review the diff: at line {line} it changes {path} a second time, so it is a series of patches and not one change; \
         give their sum: `git diff A B`, or `bzzz review --repo . --base A --head B`"
    )]
    Series {
        /// Where the second section begins.
        line: usize,
        /// The path.
        path: String,
    },
    /// A line that starts as a hunk header and is none.
    #[error(
        "cannot read the hunk header at line {line}: `{text}` is not `@@ -START,LEN +START,LEN @@`; make the diff again"
    )]
    HunkHeader {
        /// Its line.
        line: usize,
        /// Its beginning.
        text: String,
    },
    /// A hunk that belongs to no file.
    #[error(
        "cannot place the hunk at line {line}: no file header (`---` and `+++`) stands before it; give the whole diff"
    )]
    OrphanHunk {
        /// Its line.
        line: usize,
    },
    /// A hunk whose header announces other counts than follow.
    #[error(
        "cannot read the hunk at line {line}: its header announces {old} old and {new} new lines, but it {found} at line \
         {at}; the diff was cut or edited by hand, make it again"
    )]
    HunkCount {
        /// Line of the header.
        line: usize,
        /// Announced old lines.
        old: u32,
        /// Announced new lines.
        new: u32,
        /// `ends` or `goes on`.
        found: &'static str,
        /// Where that was seen.
        at: usize,
    },
    /// Line numbers beyond 32 bits.
    #[error("cannot read the hunk at line {line}: its line numbers go beyond {max}; make the diff again", max = u32::MAX)]
    HunkOverflow {
        /// Line of the header.
        line: usize,
    },
    /// Hunks of one file that overlap or go backwards.
    #[error(
        "cannot read the hunk at line {line}: it overlaps the hunk before it or goes backwards in the same file; the diff \
         was edited by hand, make it again"
    )]
    HunkOrder {
        /// Line of the header.
        line: usize,
    },
    /// A path that is empty, too long or wrongly quoted.
    #[error("cannot read the path at line {line}: {why} (limit {MAX_PATH_BYTES} bytes); make the diff again")]
    Path {
        /// Its line.
        line: usize,
        /// What is wrong with it.
        why: &'static str,
    },
}
