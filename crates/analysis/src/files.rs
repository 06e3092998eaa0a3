//! A change as the rules see it: for each file its trees before and after, and which lines are new.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use bzzz_core::change::{ChangeSet, FileText, Fragment};
use bzzz_core::diff::{Change, FileDiff, LineKind};

use crate::lang::{self, Lang};
use crate::reading::{Coverage, Kind};
use crate::tree::{Doc, MAX_LINE_BYTES, MAX_PARSE_TIME};

/// A change with its trees.
pub(crate) struct Changed<'a> {
    pub files: Vec<File<'a>>,
    /// Whole files after the change, where known.
    pub whole_files: &'a BTreeMap<String, String>,
}

/// One file of a change.
pub(crate) struct File<'a> {
    pub path: &'a str,
    pub diff: &'a FileDiff,
    pub lang: Option<Lang>,
    pub is_test: bool,
    pub is_script: bool,
    /// Trees after the change: one of the whole file, or one for each hunk.
    pub docs: Vec<Doc>,
    /// Trees before the change, likewise.
    pub old_docs: Vec<Doc>,
    /// Removed lines by their number before the change.
    pub removed: BTreeMap<u32, &'a str>,
    added: BTreeSet<u32>,
    /// Known lines after the change.
    known: BTreeMap<u32, &'a str>,
}

impl<'a> File<'a> {
    /// Whether a line of `line..=end` is new.
    pub(crate) fn adds(&self, line: u32, end: u32) -> bool {
        line <= end && self.added.range(line..=end).next().is_some()
    }

    /// Whether the change adds or removes something in `line..=end` (after the change).
    pub(crate) fn touches(&self, line: u32, end: u32) -> bool {
        self.adds(line, end)
            || self.diff.hunks.iter().any(|h| {
                let mut next = h.new_start;
                h.lines.iter().any(|l| {
                    next = l.new_no.map_or(next, |n| n.saturating_add(1));
                    l.kind == LineKind::Removed && next > line && next <= end
                })
            })
    }

    /// A line after the change, where it is known.
    pub(crate) fn line(&self, number: u32) -> Option<&'a str> {
        self.known.get(&number).copied()
    }

    /// All known lines after the change, in their order.
    pub(crate) fn known_lines(&self) -> impl Iterator<Item = &'a str> {
        self.known.values().copied()
    }

    /// Added lines with their numbers; those too long to be text are left out.
    pub(crate) fn added_lines(&self) -> impl Iterator<Item = (u32, &'a str)> {
        self.added
            .iter()
            .filter_map(|n| Some((*n, self.line(*n)?)))
            .filter(|(_, l)| l.len() <= MAX_LINE_BYTES)
    }

    /// Added lines of any length: for checks that are linear in it.
    pub(crate) fn all_added_lines(&self) -> impl Iterator<Item = (u32, &'a str)> {
        self.added.iter().filter_map(|n| Some((*n, self.line(*n)?)))
    }

    /// Whether the whole file after the change is known and parsed.
    pub(crate) fn is_whole(&self) -> bool {
        self.docs.first().is_some_and(|d| d.whole)
    }
}

/// Reads all files of a change; how far each of them was read is told in `coverage`.
pub(crate) fn prepare<'a>(set: &'a ChangeSet, change: &'a Change, coverage: &mut Coverage) -> Changed<'a> {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for file in &change.files {
        *count.entry(file.path()).or_default() += 1;
    }
    let begin = Instant::now();
    let files = change
        .files
        .iter()
        .map(|diff| {
            // Concatenated patches name a file twice; then line numbers of the first do not fit the whole file.
            let once = count.get(diff.path()).is_some_and(|n| *n == 1);
            read(set, diff, once, begin, coverage)
        })
        .collect();
    Changed {
        files,
        whole_files: &set.files,
    }
}

fn read<'a>(set: &'a ChangeSet, diff: &'a FileDiff, once: bool, begin: Instant, coverage: &mut Coverage) -> File<'a> {
    let path = diff.path();
    let kind = Kind::of(diff);
    if diff.lossy {
        coverage.partly(path, "not all of it is UTF-8: read with replacement characters");
    }
    let lang = Lang::of_path(path).filter(|_| !lang::is_vendored_path(path));
    let mut file = File {
        path,
        diff,
        lang,
        is_test: lang::is_test_path(path),
        is_script: lang::is_script_path(path),
        docs: Vec::new(),
        old_docs: Vec::new(),
        removed: BTreeMap::new(),
        added: BTreeSet::new(),
        known: BTreeMap::new(),
    };
    let whole = diff
        .new_path
        .as_deref()
        .and_then(|p| set.files.get(p))
        .filter(|text| once && fits(text, diff));
    if let Some(text) = whole {
        file.known = (1..).zip(text.lines()).collect();
    }
    for line in diff.hunks.iter().flat_map(|h| &h.lines) {
        match (line.kind, line.new_no, line.old_no) {
            (LineKind::Removed, _, Some(number)) => {
                file.removed.insert(number, &line.text);
            }
            (kind, Some(number), _) => {
                file.known.insert(number, &line.text);
                if kind == LineKind::Added {
                    file.added.insert(number);
                }
            }
            _ => {}
        }
    }
    if file.added_lines().count() < file.added.len() {
        coverage.partly(
            path,
            "lines of more than 20,000 bytes: of the rules over plain text only that for secrets looked at those",
        );
    }
    let mut parsed = Parsed::default();
    if let Some(lang) = lang {
        use bzzz_core::change::Side;
        if diff.new_path.is_some() && !diff.binary {
            let text = whole.map_or_else(|| FileText::sparse(diff, Side::New), |t| FileText::whole(t));
            parsed = parse(lang, text, || FileText::sparse(diff, Side::New), begin);
            file.docs = std::mem::take(&mut parsed.docs);
        }
        if diff.old_path.is_some() && !diff.binary {
            let old = diff
                .old_path
                .as_deref()
                .and_then(|p| set.old_files.get(p))
                .filter(|_| once);
            let text = old.map_or_else(|| FileText::sparse(diff, Side::Old), |t| FileText::whole(t));
            file.old_docs = parse(lang, text, || FileText::sparse(diff, Side::Old), begin).docs;
        }
    }
    if let Some(why) = parsed.partly {
        coverage.partly(path, &format!("{why}; looked at the changed regions alone"));
    }
    coverage.file(path, kind, parsed.failed);
    file
}

/// Whether a given whole file is the one that the diff leads to; a stale one would put findings on wrong lines.
fn fits(text: &str, diff: &FileDiff) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    diff.hunks
        .iter()
        .flat_map(|h| &h.lines)
        .filter_map(|l| Some((l.new_no?, l)))
        .all(|(number, line)| {
            let at = usize::try_from(number).ok().and_then(|n| n.checked_sub(1));
            at.and_then(|at| lines.get(at))
                .is_some_and(|l| l.trim_end() == line.text.trim_end())
        })
}

/// What came of parsing one side of a file.
#[derive(Default)]
struct Parsed {
    docs: Vec<Doc>,
    /// Why not the whole file was parsed, where its changed regions were.
    partly: Option<&'static str>,
    /// Why something that the change shows was not parsed.
    failed: Option<&'static str>,
}

fn parse(lang: Lang, text: FileText, sparse: impl FnOnce() -> FileText, begin: Instant) -> Parsed {
    let [one] = text.fragments.as_slice() else {
        return parse_fragments(lang, text, begin);
    };
    if !text.whole || begin.elapsed() > MAX_PARSE_TIME {
        return parse_fragments(lang, text, begin);
    }
    match Doc::parse(lang, one.text.clone(), one.first_line, false, true) {
        Ok(doc) => Parsed {
            failed: doc
                .is_mostly_errors()
                .then_some("the parser made sense of less than half of it"),
            docs: vec![doc],
            partly: None,
        },
        Err(no) => {
            let mut parsed = parse_fragments(lang, sparse(), begin);
            if parsed.failed.is_none() {
                parsed.partly = Some(no.why());
            }
            parsed
        }
    }
}

fn parse_fragments(lang: Lang, text: FileText, begin: Instant) -> Parsed {
    let mut parsed = Parsed::default();
    for fragment in text.fragments {
        if begin.elapsed() > MAX_PARSE_TIME {
            parsed.failed = Some("the time for parsing one change was used up");
            break;
        }
        let settled = settle(lang, &fragment);
        let first_line = fragment.first_line - u32::from(settled.headed);
        match Doc::parse(lang, settled.text, first_line, settled.headed, false) {
            Ok(mut doc) => {
                doc.shifted = settled.shifted;
                parsed.docs.push(doc);
            }
            // One that cannot be parsed does not hide those behind it.
            Err(no) => parsed.failed = Some(no.why()),
        }
    }
    parsed
}

/// Makes a fragment parseable: the enclosing function's first line, which the hunk header tells, is put before it, and
/// in Python the indentation is made to fit. Lines stay lines, so that numbers hold.
fn settle(lang: Lang, fragment: &Fragment) -> Settled {
    let plain = |text: String| Settled {
        text,
        headed: false,
        shifted: false,
    };
    if fragment.first_line < 2 {
        return plain(fragment.text.clone());
    }
    let body = without_cut_comment(lang, &fragment.text);
    let section = fragment.section.trim();
    let opens = if lang == Lang::Python {
        section.ends_with(':') && ["def ", "class ", "async def "].iter().any(|w| section.starts_with(w))
    } else {
        section.ends_with('{')
    };
    if lang != Lang::Python {
        return if opens {
            Settled {
                text: format!("{section}\n{body}"),
                headed: true,
                shifted: false,
            }
        } else {
            plain(body)
        };
    }
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let full = || body.lines().filter(|l| !l.trim().is_empty());
    let least = full().map(indent).min().unwrap_or(0);
    let first = full().next().map_or(0, indent);
    if first == 0 {
        return plain(body);
    }
    let header = if opens { section } else { "if True:" };
    let starts_item = |l: &str| {
        ["def ", "class ", "async def ", "@"]
            .iter()
            .any(|w| l.trim_start().starts_with(w))
    };
    let sibling = full().find(|l| indent(l) == least).is_some_and(starts_item) && first > least;
    let pad = if least == 0 || sibling { "" } else { "    " };
    let mut text = format!("{header}\n");
    for line in body.lines() {
        if !line.trim().is_empty() {
            text.push_str(pad);
            text.push_str(line.get(least..).unwrap_or(line));
        }
        text.push('\n');
    }
    Settled {
        text,
        headed: true,
        shifted: least > 0,
    }
}

/// A fragment made ready for the parser.
struct Settled {
    text: String,
    /// Whether a first line was put before it.
    headed: bool,
    /// Whether its indentation was changed, so that the outermost code is not the file's top level.
    shifted: bool,
}

/// Empties the lines of a comment or docstring in whose middle the fragment starts: as code they would be misread.
fn without_cut_comment(lang: Lang, text: &str) -> String {
    let end = if lang == Lang::Python {
        let quote = "\"\"\"";
        let first = text.lines().position(|l| l.contains(quote));
        let closes = first.is_some_and(|at| {
            let line = text.lines().nth(at).unwrap_or_default();
            let before = text.lines().take(at).filter(|l| !l.trim().is_empty()).last();
            // A docstring that opens stands behind the line that opens its block.
            text.matches(quote).count() % 2 == 1
                && line.trim() == quote
                && before.is_some_and(|l| !l.trim_end().ends_with(':'))
        });
        first.filter(|_| closes)
    } else {
        let close = text.lines().position(|l| l.contains("*/"));
        close.filter(|at| {
            let upto = text.lines().take(at + 1);
            !upto.into_iter().any(|l| l.contains("/*"))
        })
    };
    let Some(end) = end else {
        return text.to_owned();
    };
    (0..)
        .zip(text.lines())
        .map(|(at, l)| if at <= end { "\n".to_owned() } else { format!("{l}\n") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_docs(diff: &str, test: impl FnOnce(&File<'_>)) {
        let set = ChangeSet::from_diff("x", diff.as_bytes());
        let change = set.change().unwrap();
        let changed = prepare(&set, &change, &mut Coverage::default());
        test(&changed.files[0]);
    }

    #[test]
    fn python_fragments_keep_their_lines() {
        let diff = "--- a/x.py\n+++ b/x.py\n@@ -40,2 +40,5 @@ async def load(self, key):\n         a()\n+        b()\n+\n+    def next(self):\n         c()\n";
        with_docs(diff, |file| {
            let doc = &file.docs[0];
            assert!(!doc.root().has_error(), "{}", doc.text);
            let lines: Vec<_> = doc.all(&["call"]).map(|n| (n.text(), n.line())).collect();
            assert_eq!(lines, [("a()", 40), ("b()", 41), ("c()", 44)]);
            let function = doc.all(&["function_definition"]).next().unwrap();
            assert!(crate::code::is_async(function) && !function.is_real());
            assert!(file.adds(41, 41) && !file.adds(40, 40));
        });
    }

    #[test]
    fn indented_fragments_without_a_header_parse() {
        let diff = "--- a/x.py\n+++ b/x.py\n@@ -40,2 +40,3 @@\n         a()\n+        b()\n         c()\n";
        with_docs(diff, |file| {
            assert!(!file.docs[0].root().has_error(), "{}", file.docs[0].text)
        });
    }

    #[test]
    fn fragments_that_start_in_a_comment() {
        let diff = "--- a/x.ts\n+++ b/x.ts\n@@ -40,4 +40,5 @@\n a(1);\n+b(1);\n ```\n */\n c(1);\n";
        with_docs(diff, |file| {
            let calls: Vec<_> = file.docs[0]
                .all(&["call_expression"])
                .map(|n| (n.text(), n.line()))
                .collect();
            assert_eq!(calls, [("c(1)", 44)]);
        });
        let diff = "--- a/x.py\n+++ b/x.py\n@@ -40,3 +40,4 @@ def f():\n     Call a(1).\n+    Then b(1).\n     \"\"\"\n     c(1)\n";
        with_docs(diff, |file| {
            let calls: Vec<_> = file.docs[0].all(&["call"]).map(|n| (n.text(), n.line())).collect();
            assert_eq!(calls, [("c(1)", 43)]);
        });
    }

    #[test]
    fn rust_fragments_get_their_function() {
        let diff = "--- a/x.rs\n+++ b/x.rs\n@@ -40,2 +40,3 @@ async fn load() {\n     a();\n+    b();\n     c();\n";
        with_docs(diff, |file| {
            let call = file.docs[0].all(&["call_expression"]).nth(1).unwrap();
            assert_eq!((call.text(), call.line()), ("b()", 41));
        });
    }

    #[test]
    fn a_stale_whole_file_is_not_used() {
        let diff = "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a()\n+b()\n";
        let mut set = ChangeSet::from_diff("x", diff.as_bytes());
        set.files.insert("x.py".into(), "something else\n".into());
        let change = set.change().unwrap();
        assert!(!prepare(&set, &change, &mut Coverage::default()).files[0].is_whole());
    }

    #[test]
    fn removals_touch_what_surrounds_them() {
        let diff = "--- a/x.py\n+++ b/x.py\n@@ -1,3 +1,2 @@\n def f():\n-    a()\n     b()\n";
        with_docs(diff, |file| {
            assert!(file.touches(1, 2) && !file.touches(3, 9) && !file.adds(1, 2))
        });
    }
}
