//! File headers: paths with and without quotes, prefixes, and hunk headers.

use super::{DiffError, MAX_PATH_BYTES};

/// A path as read: bytes are decoded, and whether that lost something is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RawPath {
    pub text: String,
    pub lossy: bool,
}

/// Decodes, noting replacement.
pub(super) fn decode(bytes: &[u8]) -> (String, bool) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), false),
        Err(_) => (String::from_utf8_lossy(bytes).into_owned(), true),
    }
}

/// Reads the path behind `--- `, `+++ `, `rename from ` and the like. `None` is `/dev/null`.
pub(super) fn path(rest: &[u8], line: usize) -> Result<Option<RawPath>, DiffError> {
    let bytes = if rest.first() == Some(&b'"') {
        let (bytes, end) = unquote(rest).ok_or(DiffError::Path {
            line,
            why: "its quotes do not close or hold a bad escape",
        })?;
        if rest[end..].iter().any(|b| !b.is_ascii_whitespace()) && rest.get(end) != Some(&b'\t') {
            return Err(DiffError::Path {
                line,
                why: "something stands behind its closing quote",
            });
        }
        bytes
    } else {
        // `diff -u` puts a tab and a time behind the name; git puts a tab behind a name with a space.
        let end = rest.iter().position(|b| *b == b'\t').unwrap_or(rest.len());
        rest[..end].to_vec()
    };
    if bytes.is_empty() {
        return Err(DiffError::Path {
            line,
            why: "it is empty",
        });
    }
    if bytes.len() > MAX_PATH_BYTES {
        return Err(DiffError::Path {
            line,
            why: "it is too long",
        });
    }
    if bytes.contains(&0) {
        return Err(DiffError::Path {
            line,
            why: "it holds a NUL",
        });
    }
    if bytes == b"/dev/null" {
        return Ok(None);
    }
    let (text, lossy) = decode(&bytes);
    Ok(Some(RawPath { text, lossy }))
}

/// Undoes git's C-style quoting. Gives the bytes and the offset behind the closing quote.
fn unquote(quoted: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut out = Vec::new();
    let mut at = 1;
    loop {
        match *quoted.get(at)? {
            b'"' => return Some((out, at + 1)),
            b'\\' => {
                let escape = *quoted.get(at + 1)?;
                at += 2;
                out.push(match escape {
                    b'a' => 7,
                    b'b' => 8,
                    b't' => b'\t',
                    b'n' => b'\n',
                    b'v' => 11,
                    b'f' => 12,
                    b'r' => b'\r',
                    b'"' | b'\\' => escape,
                    b'0'..=b'3' => {
                        let low = quoted.get(at..at + 2)?;
                        if !low.iter().all(|b| (b'0'..=b'7').contains(b)) {
                            return None;
                        }
                        at += 2;
                        (escape - b'0') * 64 + (low[0] - b'0') * 8 + (low[1] - b'0')
                    }
                    _ => return None,
                });
            }
            byte => {
                out.push(byte);
                at += 1;
            }
        }
    }
}

/// The two paths of `diff --git OLD NEW`. Unquoted names with spaces are ambiguous, so this answers only where the
/// split is certain: quoted names, or the same name on both sides. Other headers of the section overrule it.
pub(super) fn git_paths(rest: &[u8]) -> Option<(RawPath, RawPath)> {
    let raw = |bytes: &[u8]| {
        let (text, lossy) = decode(bytes);
        RawPath { text, lossy }
    };
    if rest.len() > 2 * MAX_PATH_BYTES + 16 || rest.contains(&0) {
        return None;
    }
    if rest.first() == Some(&b'"') {
        let (old, end) = unquote(rest)?;
        let tail = rest.get(end..)?.strip_prefix(b" ")?;
        let new = if tail.first() == Some(&b'"') {
            unquote(tail)?.0
        } else {
            tail.to_vec()
        };
        return Some((raw(&old), raw(&new)));
    }
    if let Some(quote) = rest.windows(2).position(|w| w == b" \"") {
        let (new, _) = unquote(&rest[quote + 1..])?;
        return Some((raw(&rest[..quote]), raw(&new)));
    }
    // `a/NAME b/NAME` and `NAME NAME`: with the same name on both sides the blank stands in the middle.
    if rest.len() % 2 == 1 {
        let (old, tail) = rest.split_at(rest.len() / 2);
        let new = tail.strip_prefix(b" ")?;
        let name = |path: &[u8]| path.get(2..).map(<[u8]>::to_vec);
        if old == new || (old.get(1) == Some(&b'/') && new.get(1) == Some(&b'/') && name(old) == name(new)) {
            return Some((raw(old), raw(new)));
        }
    }
    let mut blanks = rest.iter().enumerate().filter(|(_, b)| **b == b' ');
    let (blank, _) = blanks.next()?;
    if blanks.next().is_some() {
        return None;
    }
    Some((raw(&rest[..blank]), raw(&rest[blank + 1..])))
}

/// Pairs of prefixes that git writes: plain, and the mnemonic ones (index, work tree, commit, object).
const PREFIXES: [(&str, &str); 6] = [
    ("a/", "b/"),
    ("i/", "w/"),
    ("c/", "i/"),
    ("c/", "w/"),
    ("o/", "w/"),
    ("1/", "2/"),
];

/// Strips git's prefixes where both sides carry a pair of them, or the one side that is a file carries one.
pub(super) fn strip_prefixes(old: Option<String>, new: Option<String>) -> (Option<String>, Option<String>) {
    let cut = |s: &str, prefix: &str| {
        s.strip_prefix(prefix)
            .filter(|rest| !rest.is_empty())
            .map(str::to_owned)
    };
    match (&old, &new) {
        (Some(o), Some(n)) => {
            for (first, second) in PREFIXES {
                for (p, q) in [(first, second), (second, first)] {
                    if let (Some(o), Some(n)) = (cut(o, p), cut(n, q)) {
                        return (Some(o), Some(n));
                    }
                }
            }
            (old, new)
        }
        (Some(o), None) => (cut(o, "a/").or(cut(o, "i/")).or(cut(o, "c/")).or(old), None),
        (None, Some(n)) => (None, cut(n, "b/").or(cut(n, "w/")).or(cut(n, "i/")).or(new)),
        (None, None) => (None, None),
    }
}

/// A parsed hunk header.
pub(super) struct HunkHeader {
    pub old: (u32, u32),
    pub new: (u32, u32),
    pub section: Vec<u8>,
}

/// Reads `@@ -START[,LEN] +START[,LEN] @@ SECTION`.
pub(super) fn hunk(text: &[u8], line: usize) -> Result<HunkHeader, DiffError> {
    let bad = || DiffError::HunkHeader {
        line,
        text: String::from_utf8_lossy(&text[..text.len().min(80)]).into_owned(),
    };
    let rest = text.strip_prefix(b"@@ -").ok_or_else(bad)?;
    let blank = rest.iter().position(|b| *b == b' ').ok_or_else(bad)?;
    let old = range(&rest[..blank], line)?.ok_or_else(bad)?;
    let rest = rest[blank..].strip_prefix(b" +").ok_or_else(bad)?;
    let blank = rest.iter().position(|b| *b == b' ').ok_or_else(bad)?;
    let new = range(&rest[..blank], line)?.ok_or_else(bad)?;
    let section = rest[blank..].strip_prefix(b" @@").ok_or_else(bad)?;
    Ok(HunkHeader {
        old,
        new,
        section: section.strip_prefix(b" ").unwrap_or(section).to_vec(),
    })
}

fn range(text: &[u8], line: usize) -> Result<Option<(u32, u32)>, DiffError> {
    let mut parts = text.split(|b| *b == b',');
    let (Some(start), len, None) = (parts.next(), parts.next(), parts.next()) else {
        return Ok(None);
    };
    let Some(start) = number(start, line)? else {
        return Ok(None);
    };
    let len = match len {
        None => 1,
        Some(len) => match number(len, line)? {
            Some(len) => len,
            None => return Ok(None),
        },
    };
    if start == 0 && len > 0 {
        return Ok(None);
    }
    // One line behind the end must still be a number: analysers point there.
    if start.checked_add(len).is_none_or(|end| end == u32::MAX) {
        return Err(DiffError::HunkOverflow { line });
    }
    Ok(Some((start, len)))
}

fn number(digits: &[u8], line: usize) -> Result<Option<u32>, DiffError> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Ok(None);
    }
    let mut value: u32 = 0;
    for digit in digits {
        value = value
            .checked_mul(10)
            .and_then(|v| v.checked_add(u32::from(digit - b'0')))
            .ok_or(DiffError::HunkOverflow { line })?;
    }
    Ok(Some(value))
}
