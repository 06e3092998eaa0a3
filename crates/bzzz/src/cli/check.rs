//! How the answers of the checks are shown (`verify`, `log verify`, `replay`, `sim`), and the exit status that they give.

use serde_json::Value;

use super::context::{Context, view};
use super::exit::Exit;
use super::failure::Result;
use crate::client::wire::CheckAnswer;
use crate::term::wrap::wrap;
use crate::term::{Ink, Screen, clean};

/// Shows the answer of a check; it decides the exit status. An answer that does not say so is no proof.
pub fn show(answer: &Value, context: &mut Context) -> Result<Exit> {
    let check: CheckAnswer = view(answer);
    context.show(answer, |screen| draw(screen, &check))?;
    Ok(if check.valid { Exit::Ok } else { Exit::Verify })
}

fn draw(screen: Screen, check: &CheckAnswer) -> String {
    let (ink, word) = if check.valid {
        (Ink::Good, "valid")
    } else {
        (Ink::Worst, "not valid")
    };
    let summary = clean::line(&check.summary);
    let rest = summary
        .strip_prefix(word)
        .unwrap_or(&summary)
        .trim_start_matches([',', ':', ' ']);
    let mut out = screen.paint.ink(ink, word);
    if !rest.is_empty() {
        out.push_str(&format!(": {rest}"));
    }
    out.push('\n');
    for detail in &check.details {
        for (at, line) in wrap(&clean::line(detail), screen.columns.saturating_sub(4))
            .iter()
            .enumerate()
        {
            out.push_str(&format!("  {} {line}\n", if at == 0 { "-" } else { " " }));
        }
    }
    out
}
