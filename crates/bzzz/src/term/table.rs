//! Small tables: columns side by side where they fit, one below the other where they do not.

use super::wrap::{truncate, width, wrap};
use super::{Ink, Screen, clean};

/// Columns between two columns.
const GAP: usize = 2;
/// The last column gets at least this much, or the table is stacked.
const LEAST_LAST: usize = 12;

/// Draws `rows` under `head`. Cells may come from outside; they are cleaned here. `none` is said when there are no rows.
pub fn table(screen: Screen, head: &[&str], rows: &[Vec<String>], none: &str) -> String {
    if rows.is_empty() {
        return format!("{none}\n");
    }
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| clean::line(cell)).collect())
        .collect();
    let last = head.len().saturating_sub(1);
    let widths: Vec<usize> = (0..head.len())
        .map(|at| {
            rows.iter()
                .filter_map(|row| row.get(at))
                .map(|cell| width(cell))
                .chain([width(head[at])])
                .max()
                .unwrap_or(0)
        })
        .collect();
    let before: usize = widths.iter().take(last).map(|wide| wide + GAP).sum();
    // Programs read lines, however wide.
    if screen.terminal && before + LEAST_LAST.min(widths.get(last).copied().unwrap_or(0)) > screen.columns {
        return stacked(screen, head, &rows);
    }
    let room = screen.columns.saturating_sub(before);
    let mut out = String::new();
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    for (number, row) in std::iter::once(&head).chain(&rows).enumerate() {
        let mut line = String::new();
        for (at, wide) in widths.iter().enumerate() {
            let cell = row.get(at).map_or("", String::as_str);
            let cell = if at == last {
                last_cell(screen, cell, room)
            } else {
                cell.to_owned()
            };
            let fill = if at == last { 0 } else { wide + GAP - width(&cell) };
            line.push_str(&format!("{cell}{}", " ".repeat(fill)));
        }
        let line = line.trim_end();
        out.push_str(&if number == 0 {
            screen.paint.ink(Ink::Strong, line)
        } else {
            line.to_owned()
        });
        out.push('\n');
    }
    out
}

/// In as much room as there is on a terminal; programs get all of it.
fn last_cell(screen: Screen, cell: &str, room: usize) -> String {
    match screen.terminal {
        true => truncate(cell, room),
        false => cell.to_owned(),
    }
}

fn stacked(screen: Screen, head: &[&str], rows: &[Vec<String>]) -> String {
    let mut out = String::new();
    for (number, row) in rows.iter().enumerate() {
        if number > 0 {
            out.push('\n');
        }
        for (name, cell) in head.iter().zip(row) {
            out.push_str(&pair(screen, name, cell));
        }
    }
    out
}

/// `name: value`, wrapped; the value is cleaned here.
pub fn pair(screen: Screen, name: &str, value: &str) -> String {
    let mut out = String::new();
    let hang = name.len() + 2;
    for (at, line) in wrap(&clean::block(value), screen.columns.saturating_sub(hang))
        .iter()
        .enumerate()
    {
        let start = if at == 0 {
            format!("{}: ", screen.paint.ink(Ink::Faint, name))
        } else {
            " ".repeat(hang)
        };
        out.push_str(format!("{start}{line}").trim_end());
        out.push('\n');
    }
    out
}

/// `name: command` on one line, however wide: it is there to be copied.
pub fn command(screen: Screen, name: &str, command: &str) -> String {
    format!("{}: {}\n", screen.paint.ink(Ink::Faint, name), clean::line(command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_and_narrow() {
        let rows = [
            vec!["security-1".to_owned(), "idle \u{1b}[2J".to_owned()],
            vec!["r".to_owned(), "working".to_owned()],
        ];
        assert_eq!(
            table(Screen::plain(80), &["id", "status"], &rows, "none"),
            "id          status\nsecurity-1  idle ␛[2J\nr           working\n"
        );
        let narrow = Screen {
            terminal: true,
            ..Screen::plain(20)
        };
        assert_eq!(
            table(narrow, &["id", "status"], &rows, "none"),
            "id: security-1\nstatus: idle ␛[2J\n\nid: r\nstatus: working\n"
        );
        let piped = table(Screen::plain(20), &["id", "status"], &rows, "none");
        assert_eq!(piped.lines().count(), 3, "a program gets a line for each row");
        assert_eq!(table(Screen::plain(80), &["id"], &[], "none here"), "none here\n");
    }
}
