//! Wrapping by display width.
//!
//! A column is what a terminal draws, not a byte or a `char`: East Asian characters take two, combining marks none.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Display width in columns.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Wraps `text` into lines of at most `columns`, on white space where it can; a longer word is cut.
///
/// Line breaks in `text` stay; runs of spaces within a line become one. Never empty: an empty text gives one empty line.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    wrap_after(text, columns, 0)
}

/// Like [`wrap`], where `taken` columns of the first line are in use already (a label stands there).
pub fn wrap_after(text: &str, columns: usize, taken: usize) -> Vec<String> {
    let columns = columns.max(2);
    let mut lines: Vec<String> = Vec::new();
    // With less room than this for the first word, the text starts on the next line.
    let mut room = columns.saturating_sub(taken);
    for paragraph in text.split('\n') {
        let mut line = String::new();
        let mut used = 0;
        for word in paragraph.split_whitespace() {
            let wide = width(word);
            if used > 0 && used + 1 + wide <= room {
                line.push(' ');
                line.push_str(word);
                used += 1 + wide;
                continue;
            }
            if used > 0 || (wide > room && room < columns) {
                lines.push(std::mem::take(&mut line));
                room = columns;
            }
            let mut pieces = cut(word, room);
            line = pieces.pop().unwrap_or_default();
            used = width(&line);
            if !pieces.is_empty() {
                room = columns;
            }
            lines.extend(pieces);
        }
        lines.push(line);
        room = columns;
    }
    lines
}

/// Cuts `text` into pieces of at most `columns` without looking for white space: for code, where spaces matter.
pub fn cut(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(2);
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide > columns {
            pieces.push(std::mem::take(&mut piece));
            used = 0;
        }
        piece.push(c);
        used += wide;
    }
    pieces.push(piece);
    pieces
}

/// `text` in at most `columns`, with `…` at the end when something was left out.
pub fn truncate(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    if columns == 0 {
        return String::new();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide > columns - 1 {
            break;
        }
        out.push(c);
        used += wide;
    }
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_on_spaces() {
        assert_eq!(wrap("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrap("a\n\nb", 7), ["a", "", "b"]);
        assert_eq!(wrap("", 7), [""]);
    }

    #[test]
    fn leaves_room_for_a_label() {
        assert_eq!(wrap_after("one two", 7, 4), ["one", "two"]);
        assert_eq!(wrap_after("three two", 7, 4), ["", "three", "two"]);
    }

    #[test]
    fn cuts_long_words_and_counts_wide_characters() {
        assert_eq!(wrap("x abcdefgh y", 4), ["x", "abcd", "efgh", "y"]);
        assert_eq!(wrap("日本語テキスト", 6), ["日本語", "テキス", "ト"]);
        for columns in 2..20 {
            for line in wrap("日本 abc déf ghijklmnopqrstuvw • x", columns) {
                assert!(width(&line) <= columns, "{line:?} is wider than {columns}");
            }
        }
    }

    #[test]
    fn truncates_with_an_ellipsis() {
        assert_eq!(truncate("abcdef", 6), "abcdef");
        assert_eq!(truncate("abcdef", 4), "abc…");
        assert_eq!(truncate("日本語", 4), "日…");
        assert_eq!(truncate("abc", 0), "");
    }
}
