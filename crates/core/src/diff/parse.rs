//! The parser: one pass over the lines, with at most one line of look-ahead.

use super::header::{self, RawPath};
use super::{Change, DiffError, DiffLine, FileDiff, FileStatus, Hunk, LineKind};
use super::{MAX_DIFF_BYTES, MAX_DIFF_FILES, MAX_DIFF_LINES};

pub(super) fn parse(input: &[u8]) -> Result<Change, DiffError> {
    if input.len() > MAX_DIFF_BYTES {
        return Err(DiffError::TooLarge { bytes: input.len() });
    }
    if input.starts_with(&[0xff, 0xfe]) || input.starts_with(&[0xfe, 0xff]) {
        return Err(DiffError::Utf16);
    }
    let input = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    if input.iter().all(u8::is_ascii_whitespace) {
        return Err(DiffError::Empty);
    }
    let mut parser = Parser {
        lines: Lines::new(input),
        files: Vec::new(),
        begins: Vec::new(),
        open: None,
        total: 0,
        after_hunk: false,
    };
    parser.run()?;
    if parser.files.is_empty() {
        return Err(nothing_found(input));
    }
    if let Some((at, path)) = super::series::second_of_a_path(&parser.files) {
        return Err(DiffError::Series {
            line: parser.begins.get(at).copied().unwrap_or_default(),
            path: path.to_owned(),
        });
    }
    Ok(Change { files: parser.files })
}

/// Says why an input without a single file section is no diff.
fn nothing_found(input: &[u8]) -> DiffError {
    let head = &input[..input.len().min(64 * 1024)];
    let odd = head
        .iter()
        .filter(|b| **b < 9 || (14..27).contains(*b) || **b == 0x7f)
        .count();
    if head.contains(&0) || odd * 20 > head.len() || std::str::from_utf8(head).is_err_and(|e| e.error_len().is_some()) {
        DiffError::BinaryInput
    } else if head.windows(2).any(|w| w == b"\x1b[") {
        DiffError::Coloured
    } else {
        DiffError::NotADiff
    }
}

/// Lines of the input with one line of look-ahead; `no` is the 1-based number of the line that `peek` shows.
struct Lines<'a> {
    rest: &'a [u8],
    no: usize,
}

impl<'a> Lines<'a> {
    fn new(input: &'a [u8]) -> Self {
        Lines { rest: input, no: 1 }
    }

    fn split(&self) -> Option<(&'a [u8], &'a [u8])> {
        if self.rest.is_empty() {
            return None;
        }
        Some(match self.rest.iter().position(|b| *b == b'\n') {
            Some(end) => (&self.rest[..end], &self.rest[end + 1..]),
            None => (self.rest, &[]),
        })
    }

    fn peek(&self) -> Option<&'a [u8]> {
        self.split().map(|(line, _)| line)
    }

    fn after(&self) -> Option<&'a [u8]> {
        self.split().and_then(|(_, rest)| Lines { rest, no: 0 }.peek())
    }

    fn skip(&mut self) {
        if let Some((_, rest)) = self.split() {
            self.rest = rest;
            self.no += 1;
        }
    }
}

/// A file section while it is read.
#[derive(Default)]
struct Open {
    line: usize,
    from_git: Option<(RawPath, RawPath)>,
    /// Paths of `---` and `+++`; the inner `None` is `/dev/null`.
    marked: Option<(Option<RawPath>, Option<RawPath>)>,
    /// Paths of rename and copy headers, which carry no prefix.
    moved_from: Option<RawPath>,
    moved_to: Option<RawPath>,
    status: Option<FileStatus>,
    mode_changed: bool,
    binary: bool,
    lossy: bool,
    hunks: Vec<Hunk>,
}

struct Parser<'a> {
    lines: Lines<'a>,
    files: Vec<FileDiff>,
    /// The line that each of `files` begins with.
    begins: Vec<usize>,
    open: Option<Open>,
    total: usize,
    /// The line before was the last of a hunk, so another body line would mean that its counts lie.
    after_hunk: bool,
}

impl Parser<'_> {
    fn run(&mut self) -> Result<(), DiffError> {
        while let Some(line) = self.lines.peek() {
            let no = self.lines.no;
            let text = line.strip_suffix(b"\r").unwrap_or(line);
            let was_after_hunk = std::mem::take(&mut self.after_hunk);
            if let Some(rest) = text.strip_prefix(b"diff --git ") {
                self.begin(no)?;
                if let Some(open) = &mut self.open {
                    open.from_git = header::git_paths(rest);
                }
                self.lines.skip();
            } else if text.starts_with(b"diff --cc ")
                || text.starts_with(b"diff --combined ")
                || text.starts_with(b"@@@ -")
            {
                return Err(DiffError::Combined { line: no });
            } else if text.starts_with(b"--- ") && self.lines.after().is_some_and(|next| next.starts_with(b"+++ ")) {
                self.marked_paths(text, no)?;
            } else if text.starts_with(b"@@ ") {
                self.hunk(text, no)?;
            } else if was_after_hunk && matches!(text.first(), Some(b'+' | b'-' | b' ')) && !is_signature(text) {
                return Err(self.too_long(no));
            } else {
                self.extended(text, no)?;
                self.lines.skip();
            }
        }
        self.close()
    }

    fn begin(&mut self, line: usize) -> Result<(), DiffError> {
        self.close()?;
        self.open = Some(Open {
            line,
            ..Open::default()
        });
        Ok(())
    }

    fn marked_paths(&mut self, text: &[u8], no: usize) -> Result<(), DiffError> {
        let reuse = self
            .open
            .as_ref()
            .is_some_and(|o| o.marked.is_none() && o.hunks.is_empty() && !o.binary);
        if !reuse {
            self.begin(no)?;
        }
        let old = header::path(&text[4..], no)?;
        self.lines.skip();
        let next = self.lines.peek().unwrap_or_default();
        let next = next.strip_suffix(b"\r").unwrap_or(next);
        let new = header::path(next.get(4..).unwrap_or_default(), no + 1)?;
        self.lines.skip();
        if let Some(open) = &mut self.open {
            open.marked = Some((old, new));
        }
        Ok(())
    }

    /// Extended git headers and binary markers; anything else is prose and passed over.
    fn extended(&mut self, text: &[u8], no: usize) -> Result<(), DiffError> {
        let named = text.strip_prefix(b"Binary files ");
        if let Some(names) = named.and_then(|rest| rest.strip_suffix(b" differ")) {
            return self.binary_marker(names, no);
        }
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        // Only in the header of a section: a mail between two patches may hold the same words.
        if !open.hunks.is_empty() {
            return Ok(());
        }
        let moved = |rest: &[u8]| -> Result<Option<RawPath>, DiffError> { header::path(rest, no) };
        if text.starts_with(b"new file mode ") {
            open.status = Some(FileStatus::Added);
        } else if text.starts_with(b"deleted file mode ") {
            open.status = Some(FileStatus::Deleted);
        } else if text.starts_with(b"old mode ") || text.starts_with(b"new mode ") {
            open.mode_changed = true;
        } else if let Some(rest) = text.strip_prefix(b"rename from ") {
            open.moved_from = moved(rest)?;
            open.status = Some(FileStatus::Renamed);
        } else if let Some(rest) = text.strip_prefix(b"rename to ") {
            open.moved_to = moved(rest)?;
        } else if let Some(rest) = text.strip_prefix(b"copy from ") {
            open.moved_from = moved(rest)?;
            open.status = Some(FileStatus::Copied);
        } else if let Some(rest) = text.strip_prefix(b"copy to ") {
            open.moved_to = moved(rest)?;
        } else if text == b"GIT binary patch" {
            open.binary = true;
            self.skip_binary();
        }
        Ok(())
    }

    /// Passes over the `literal` and `delta` blocks; `run` then skips the line that is left.
    fn skip_binary(&mut self) {
        while let Some(next) = self.lines.after() {
            if !(next.starts_with(b"literal ") || next.starts_with(b"delta ")) {
                return;
            }
            self.lines.skip();
            while self
                .lines
                .peek()
                .is_some_and(|l| !l.iter().all(u8::is_ascii_whitespace))
            {
                self.lines.skip();
            }
        }
    }

    /// `Binary files OLD and NEW differ`, inside a git section or on its own as `diff -r` writes it.
    fn binary_marker(&mut self, inner: &[u8], no: usize) -> Result<(), DiffError> {
        let Some(and) = inner.windows(5).position(|w| w == b" and ") else {
            return Ok(());
        };
        let fresh = self.open.as_ref().is_some_and(|o| o.hunks.is_empty() && !o.binary);
        if !fresh {
            self.begin(no)?;
        }
        let old = header::path(&inner[..and], no)?;
        let new = header::path(&inner[and + 5..], no)?;
        if let Some(open) = &mut self.open {
            open.binary = true;
            if open.from_git.is_none() && open.marked.is_none() {
                open.marked = Some((old, new));
            }
        }
        Ok(())
    }

    fn hunk(&mut self, text: &[u8], no: usize) -> Result<(), DiffError> {
        let head = header::hunk(text, no)?;
        let Some(open) = &mut self.open else {
            return Err(DiffError::OrphanHunk { line: no });
        };
        if open.marked.is_none() {
            return Err(DiffError::OrphanHunk { line: no });
        }
        if let Some(last) = open.hunks.last() {
            let end = |start: u32, len: u32| {
                if len == 0 {
                    start.saturating_add(1)
                } else {
                    start.saturating_add(len)
                }
            };
            let begin = |(start, len): (u32, u32)| {
                if len == 0 { start.saturating_add(1) } else { start }
            };
            if begin(head.old) < end(last.old_start, last.old_len)
                || begin(head.new) < end(last.new_start, last.new_len)
            {
                return Err(DiffError::HunkOrder { line: no });
            }
        }
        let (section, section_lossy) = header::decode(&head.section);
        open.lossy |= section_lossy;
        let mut hunk = Hunk {
            old_start: head.old.0,
            old_len: head.old.1,
            new_start: head.new.0,
            new_len: head.new.1,
            section: section.trim_end().to_owned(),
            lines: Vec::new(),
        };
        self.lines.skip();
        let (mut old_no, mut new_no) = (head.old.0, head.new.0);
        let (mut old_left, mut new_left) = (head.old.1, head.new.1);
        while old_left > 0 || new_left > 0 {
            let at = self.lines.no;
            let short = DiffError::HunkCount {
                line: no,
                old: head.old.1,
                new: head.new.1,
                found: "ends",
                at,
            };
            let Some(line) = self.lines.peek() else {
                return Err(short);
            };
            // Some tools strip the blank of an empty context line.
            let (kind, body) = match line.first() {
                Some(b' ') => (LineKind::Context, &line[1..]),
                Some(b'+') => (LineKind::Added, &line[1..]),
                Some(b'-') => (LineKind::Removed, &line[1..]),
                None => (LineKind::Context, line),
                Some(b'\r') if line.len() == 1 => (LineKind::Context, line),
                Some(b'\\') if !hunk.lines.is_empty() => {
                    mark_no_newline(&mut hunk);
                    self.lines.skip();
                    continue;
                }
                Some(_) => return Err(short),
            };
            let (takes_old, takes_new) = (kind != LineKind::Added, kind != LineKind::Removed);
            if (takes_old && old_left == 0) || (takes_new && new_left == 0) {
                return Err(short);
            }
            if body.contains(&0) {
                return Err(DiffError::BinaryLine { line: at });
            }
            self.total += 1;
            if self.total > MAX_DIFF_LINES {
                return Err(DiffError::TooManyLines { line: at });
            }
            let (text, lossy) = header::decode(body);
            open.lossy |= lossy;
            hunk.lines.push(DiffLine {
                kind,
                old_no: takes_old.then_some(old_no),
                new_no: takes_new.then_some(new_no),
                text,
                no_newline: false,
            });
            old_no += u32::from(takes_old);
            old_left -= u32::from(takes_old);
            new_no += u32::from(takes_new);
            new_left -= u32::from(takes_new);
            self.lines.skip();
        }
        if self.lines.peek().is_some_and(|l| l.starts_with(b"\\ ")) {
            mark_no_newline(&mut hunk);
            self.lines.skip();
        }
        open.hunks.push(hunk);
        self.after_hunk = true;
        Ok(())
    }

    fn too_long(&self, at: usize) -> DiffError {
        let last = self.open.as_ref().and_then(|o| o.hunks.last());
        let (old, new, lines) = last.map_or((0, 0, 0), |h| {
            let marks = h.lines.iter().filter(|l| l.no_newline).count();
            (h.old_len, h.new_len, h.lines.len() + marks)
        });
        DiffError::HunkCount {
            line: at.saturating_sub(lines + 1),
            old,
            new,
            found: "goes on",
            at,
        }
    }

    fn close(&mut self) -> Result<(), DiffError> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let line = open.line;
        let Some(file) = open.finish()? else {
            return Ok(());
        };
        if self.files.len() == MAX_DIFF_FILES {
            return Err(DiffError::TooManyFiles { line });
        }
        self.files.push(file);
        self.begins.push(line);
        Ok(())
    }
}

/// The end of a mail made by `git format-patch`.
fn is_signature(text: &[u8]) -> bool {
    text == b"-- " || text == b"--"
}

fn mark_no_newline(hunk: &mut Hunk) {
    if let Some(last) = hunk.lines.last_mut() {
        last.no_newline = true;
    }
}

impl Open {
    /// Settles paths and status; `None` when the section names no file, as a stray `diff --git` in prose does.
    fn finish(self) -> Result<Option<FileDiff>, DiffError> {
        let mut lossy = self.lossy;
        let mut take = |path: RawPath| {
            lossy |= path.lossy;
            path.text
        };
        let marked = self.marked.is_some();
        let (mut old, mut new) = match (self.marked, self.from_git) {
            (Some((old, new)), _) => header::strip_prefixes(old.map(&mut take), new.map(&mut take)),
            (None, Some((old, new))) => header::strip_prefixes(Some(take(old)), Some(take(new))),
            (None, None) => (None, None),
        };
        if let Some(path) = self.moved_from {
            old = Some(take(path));
        }
        if let Some(path) = self.moved_to {
            new = Some(take(path));
        }
        match self.status {
            Some(FileStatus::Added) => old = None,
            Some(FileStatus::Deleted) => new = None,
            _ => {}
        }
        let status = self.status.unwrap_or(match (&old, &new) {
            (None, Some(_)) => FileStatus::Added,
            (Some(_), None) => FileStatus::Deleted,
            _ if self.mode_changed && self.hunks.is_empty() && !self.binary => FileStatus::ModeChanged,
            _ => FileStatus::Modified,
        });
        let says_something =
            marked || self.binary || self.mode_changed || self.status.is_some() || !self.hunks.is_empty();
        if old.is_none() && new.is_none() && !self.hunks.is_empty() {
            return Err(DiffError::Path {
                line: self.line,
                why: "both sides are /dev/null",
            });
        }
        if (old.is_none() && new.is_none()) || !says_something {
            return Ok(None);
        }
        Ok(Some(FileDiff {
            old_path: old,
            new_path: new,
            status,
            binary: self.binary,
            lossy,
            hunks: self.hunks,
        }))
    }
}
