//! Progress on a terminal: the board redrawn in place.
//!
//! The cursor goes up over what was drawn and the rest of the screen is cleared; nothing else of the terminal's state is
//! changed, so an interrupted command leaves it as it was. No drawing is higher than the screen, because rows that
//! scrolled away could not be drawn over, and no line is as wide as the screen, because it would wrap.

use std::io::Write;

use super::board::Board;
use super::event::ProgressEvent;
use crate::term::wrap::wrap;
use crate::term::{Ink, Paint, clean};

/// Rows to use where the terminal does not say.
const DEFAULT_ROWS: usize = 24;

/// Draws on `out`; `size` gives columns and rows at each drawing, since windows change.
pub struct Live<W, S> {
    out: W,
    size: S,
    paint: Paint,
    board: Board,
    drawn: usize,
}

impl<W: Write, S: Fn() -> (usize, Option<usize>)> Live<W, S> {
    /// An empty board.
    pub fn new(out: W, size: S, paint: Paint) -> Self {
        Self {
            out,
            size,
            paint,
            board: Board::default(),
            drawn: 0,
        }
    }

    /// Shows one event.
    pub fn show(&mut self, event: &ProgressEvent) {
        self.board.apply(event);
        let (columns, rows) = (self.size)();
        let columns = columns.saturating_sub(1).max(1);
        let rows = rows.unwrap_or(DEFAULT_ROWS).saturating_sub(1).max(1);
        let mut text = String::new();
        if self.drawn > 0 {
            // A window that shrank has lost its upper rows already.
            text.push_str(&format!("\u{1b}[{}A\r\u{1b}[J", self.drawn.min(rows)));
        }
        if let ProgressEvent::Opened { thread, .. } = event {
            // It stays above the board: whoever loses the command finds the review by it. It is never broken.
            text.push_str(&format!(
                "{} {}\n",
                self.paint.ink(Ink::Faint, "thread"),
                clean::line(thread)
            ));
        }
        if let ProgressEvent::Warning { text: warning } = event {
            let label = self.paint.ink(Ink::Care, "warning:");
            for (at, line) in wrap(&clean::line(warning), columns.saturating_sub(9))
                .iter()
                .enumerate()
            {
                let start = if at == 0 { label.clone() } else { " ".repeat(8) };
                text.push_str(&format!("{start} {line}\n"));
            }
        }
        let lines = self.board.lines(columns, rows, self.paint);
        self.drawn = lines.len();
        for line in lines {
            text.push_str(&line);
            text.push('\n');
        }
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }

    /// Clears the board: the report follows.
    pub fn finish(&mut self) {
        if self.drawn > 0 {
            // One write, so that no other output comes between the parts of a sequence.
            let text = format!("\u{1b}[{}A\r\u{1b}[J", self.drawn);
            let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
            self.drawn = 0;
        }
    }
}
