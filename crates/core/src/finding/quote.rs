//! The quote checker: does the text that a finding rests on stand in the change, where the finding says?
//!
//! It is deterministic and knows no language, so every node comes to the same answer about the findings of a model,
//! of an analyser and of a stranger.

use std::collections::BTreeMap;

use super::{Finding, MASK};
use crate::diff::{Change, FileDiff, LineKind};

/// How far the quote may stand from the stated line, in lines: models miscount by a few, and no more is forgiven.
pub const NEAR_LINES: u32 = 10;

/// Why a quote does not stand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuoteError {
    /// Nothing, or nothing but white space and masks.
    #[error("cannot check the quote of {rule}: it is empty or only masked; quote the offending line")]
    Empty {
        /// Rule of the finding.
        rule: String,
    },
    /// A file that the change does not touch.
    #[error("cannot check the quote of {rule}: the change does not touch `{file}`; name a file of the change")]
    NoSuchFile {
        /// Rule of the finding.
        rule: String,
        /// Its file.
        file: String,
    },
    /// The quote is not there, or too far away.
    #[error(
        "the quote of {rule} does not stand in `{file}` within {NEAR_LINES} lines of line {line}; quote the change as it \
         stands and give its line"
    )]
    NotThere {
        /// Rule of the finding.
        rule: String,
        /// Its file.
        file: String,
        /// The stated line.
        line: u32,
    },
}

impl Finding {
    /// Checks that the quote stands in `change` at the file and near the line of this finding: in the lines of a hunk
    /// before or after the change, or, where the whole file after the change is in `files`, in the same top-level
    /// block as a changed line. White space at both ends of a line does not count, [`MASK`] matches any run of
    /// characters within a line, and the first and last line of a quote may be parts of lines.
    ///
    /// With line 0 (the whole file) the quote may stand in any hunk of the file.
    ///
    /// # Errors
    /// When the quote is empty, the file is not in the change, or the quote does not stand there.
    pub fn quote_stands(&self, change: &Change, files: &BTreeMap<String, String>) -> Result<(), QuoteError> {
        let quote: Vec<&str> = self.quote.trim().lines().map(str::trim).collect();
        if self.quote.replace(MASK, "").trim().is_empty() {
            return Err(QuoteError::Empty {
                rule: self.rule.clone(),
            });
        }
        let mut touched = false;
        for file in change.files_at(&self.file) {
            touched = true;
            if in_hunks(file, &quote, self.line) {
                return Ok(());
            }
            if file.new_path.as_deref() == Some(&self.file)
                && files
                    .get(&self.file)
                    .is_some_and(|text| in_whole_file(file, text, &quote, self.line))
            {
                return Ok(());
            }
        }
        if !touched {
            return Err(QuoteError::NoSuchFile {
                rule: self.rule.clone(),
                file: self.file.clone(),
            });
        }
        Err(QuoteError::NotThere {
            rule: self.rule.clone(),
            file: self.file.clone(),
            line: self.line,
        })
    }
}

fn near(stands_at: u32, stated: u32) -> bool {
    stated == 0 || stands_at.abs_diff(stated) <= NEAR_LINES
}

fn in_hunks(file: &FileDiff, quote: &[&str], stated: u32) -> bool {
    let may_hold = |start: u32, len: u32| {
        stated == 0
            || (start.saturating_sub(NEAR_LINES)..=start.saturating_add(len).saturating_add(NEAR_LINES))
                .contains(&stated)
    };
    file.hunks
        .iter()
        .filter(|h| may_hold(h.new_start, h.new_len) || may_hold(h.old_start, h.old_len))
        .any(|hunk| {
            [LineKind::Removed, LineKind::Added].into_iter().any(|hidden| {
                let side: Vec<(u32, &str)> = hunk
                    .lines
                    .iter()
                    .filter(|l| l.kind != hidden)
                    .filter_map(|l| {
                        Some((
                            if hidden == LineKind::Removed {
                                l.new_no?
                            } else {
                                l.old_no?
                            },
                            l.text.as_str(),
                        ))
                    })
                    .collect();
                side.windows(quote.len())
                    .any(|run| near(run[0].0, stated) && matches_run(quote, run.iter().map(|(_, text)| *text)))
            })
        })
}

/// A finding about a touched function may quote a line that no hunk shows. Without a parser, "the same function" is the
/// same top-level block: no line between the quote and a changed line starts a new one.
fn in_whole_file(file: &FileDiff, text: &str, quote: &[&str], stated: u32) -> bool {
    if stated == 0 {
        return false;
    }
    let first = stated.saturating_sub(NEAR_LINES).max(1);
    let lines: Vec<&str> = text.lines().collect();
    let blocks = blocks(&lines);
    let block_at = |number: u32| {
        usize::try_from(number)
            .ok()
            .and_then(|n| blocks.get(n.checked_sub(1)?).copied())
    };
    (first..=stated.saturating_add(NEAR_LINES)).any(|number| {
        let Ok(at) = usize::try_from(number - 1) else {
            return false;
        };
        let Some(run) = lines.get(at..at.saturating_add(quote.len())) else {
            return false;
        };
        matches_run(quote, run.iter().copied())
            && file.hunks.iter().any(|hunk| {
                // A hunk that only removes touches the line that follows.
                let end = hunk.new_start.saturating_add(hunk.new_len.max(1));
                (hunk.new_start..=end)
                    .any(|touched| block_at(touched).is_some() && block_at(touched) == block_at(number))
            })
    })
}

/// The number of the top-level block of each line: a line without indentation starts one, unless it only closes.
fn blocks(lines: &[&str]) -> Vec<u32> {
    let mut block = 0;
    let mut open = false;
    lines
        .iter()
        .map(|line| {
            let starts = line
                .chars()
                .next()
                .is_some_and(|c| !c.is_whitespace() && !matches!(c, '}' | ')' | ']'));
            // Consecutive unindented lines (attributes, decorators, a signature) belong to what follows.
            if starts && open {
                block += 1;
                open = false;
            }
            if line.starts_with([' ', '\t']) && !line.trim().is_empty() {
                open = true;
            }
            block
        })
        .collect()
}

fn matches_run<'a>(quote: &[&str], run: impl Iterator<Item = &'a str>) -> bool {
    let last = quote.len().saturating_sub(1);
    quote
        .iter()
        .zip(run)
        .enumerate()
        .all(|(at, (pattern, line))| glob(pattern, line.trim(), at > 0, at < last))
}

/// Whether `line` holds `pattern`, in which [`MASK`] stands for any run; anchored at its start and end as told.
fn glob(pattern: &str, line: &str, at_start: bool, at_end: bool) -> bool {
    let pieces: Vec<&str> = pattern.split(MASK).collect();
    let mut rest = line;
    for (index, piece) in pieces.iter().enumerate() {
        let (first, last) = (index == 0, index + 1 == pieces.len());
        if first && last && at_start && at_end {
            return rest == *piece;
        }
        if first && at_start {
            let Some(tail) = rest.strip_prefix(piece) else {
                return false;
            };
            rest = tail;
        } else if last && at_end {
            return rest.ends_with(piece);
        } else {
            let Some(at) = rest.find(piece) else {
                return false;
            };
            rest = &rest[at + piece.len()..];
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::tests::finding;

    const DIFF: &str = "--- a/x.py\n+++ b/x.py\n@@ -20,3 +20,3 @@ def f():\n  one = 1  \n-  old(two)\n+  new(\"ghp_abcdef\")\n  three\n";

    fn check(quote: &str, line: u32, want: bool) {
        let change = Change::parse(DIFF.as_bytes()).unwrap();
        let finding = Finding {
            quote: quote.into(),
            line,
            end_line: line,
            ..finding("security/x", "x.py")
        };
        let got = finding.quote_stands(&change, &BTreeMap::new());
        assert_eq!(got.is_ok(), want, "{quote:?} at {line}: {got:?}");
    }

    #[test]
    fn quotes_in_hunks() {
        check("new(\"ghp_abcdef\")", 21, true);
        check("old(two)", 21, true);
        check("one = 1", 20, true);
        check("  one = 1\t\nnew(\"ghp_abcdef\")   \nthree", 20, true);
        check("one = 1\nold(two)\nthree", 20, true);
        check("= 1\nold(two)\nthr", 20, true);
        check("one\nold(two)", 20, false);
        check("old(two)\nnew(\"ghp_abcdef\")", 21, false);
        check("new(", 31, true);
        check("new(", 32, false);
        check("new(", 0, true);
        check("absent", 21, false);
    }

    #[test]
    fn masks_match_within_a_line() {
        check("new(\"•••\")", 21, true);
        check("•••ghp_•••", 21, true);
        check("one•••\n•••\nthree", 20, true);
        check("one•••three", 20, false);
        check("x•••ghp_", 21, false);
        check("ghp_•••x", 21, false);
    }

    #[test]
    fn empty_quotes_never_stand() {
        for quote in ["", " \n\t", "•••", " ••• \n•••"] {
            check(quote, 21, false);
            check(quote, 0, false);
        }
    }

    #[test]
    fn another_file_is_refused() {
        let change = Change::parse(DIFF.as_bytes()).unwrap();
        let other = Finding {
            quote: "three".into(),
            ..finding("security/x", "y.py")
        };
        assert!(matches!(
            other.quote_stands(&change, &BTreeMap::new()),
            Err(QuoteError::NoSuchFile { .. })
        ));
    }

    #[test]
    fn whole_files_serve_touched_blocks_only() {
        let mut text = String::from("def a():\n    untouched()\n\ndef b():\n    before()\n");
        for n in 6..=22 {
            text += &format!("    line{n}()\n");
        }
        text += "\ndef c():\n    after()\n";
        let change = Change::parse(
            b"--- a/x.py\n+++ b/x.py\n@@ -19,2 +19,3 @@ def b():\n     line19()\n+    line20()\n     line21()\n",
        )
        .unwrap();
        let files = BTreeMap::from([("x.py".to_owned(), text)]);
        let stands = |quote: &str, line| {
            Finding {
                quote: quote.into(),
                line,
                end_line: line,
                ..finding("r/x", "x.py")
            }
            .quote_stands(&change, &files)
            .is_ok()
        };
        assert!(stands("before()", 5));
        assert!(!stands("untouched()", 2));
        assert!(!stands("after()", 25));
        assert!(!stands("before()", 20));
    }

    #[test]
    fn hostile_lines_do_not_panic() {
        let finding = Finding {
            quote: "a\nb".into(),
            line: u32::MAX,
            end_line: u32::MAX,
            ..finding("r/x", "x.py")
        };
        let change = Change::parse(DIFF.as_bytes()).unwrap();
        let files = BTreeMap::from([("x.py".to_owned(), "a\nb\n".to_owned())]);
        assert!(finding.quote_stands(&change, &files).is_err());
    }
}
