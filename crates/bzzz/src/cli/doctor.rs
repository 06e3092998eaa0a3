//! `bzzz doctor`: checks this machine and says what to do.

use serde_json::json;

use super::context::Context;
use super::exit::Exit;
use super::failure::Result;
use crate::doctor::{self, Check, Health};
use crate::term::wrap::wrap;
use crate::term::{Ink, Screen, clean};

/// Arguments of `bzzz doctor`.
#[derive(Debug, clap::Args)]
pub struct DoctorArgs {}

/// Runs the command.
pub fn run(DoctorArgs {}: DoctorArgs, context: &mut Context) -> Result<Exit> {
    let checks = doctor::run(&crate::settings::layers(&context.flags()));
    let worst = checks.iter().map(|check| check.health).max().unwrap_or(Health::Ok);
    let answer = json!({ "health": worst, "checks": checks });
    context.show(&answer, |screen| {
        checks.iter().map(|check| draw(screen, check)).collect()
    })?;
    Ok(if worst == Health::Fail { Exit::No } else { Exit::Ok })
}

fn draw(screen: Screen, check: &Check) -> String {
    let (ink, word) = match check.health {
        Health::Ok => (Ink::Good, "ok  "),
        Health::Warn => (Ink::Care, "warn"),
        Health::Fail => (Ink::Worst, "fail"),
    };
    let mut out = String::new();
    let text = format!("{}: {}", check.name, clean::line(&check.found));
    for (at, line) in wrap(&text, screen.columns.saturating_sub(5)).iter().enumerate() {
        let start = if at == 0 {
            screen.paint.ink(ink, word)
        } else {
            "    ".to_owned()
        };
        out.push_str(&format!("{start} {line}\n"));
    }
    if let Some(hint) = &check.hint {
        for (at, line) in wrap(&clean::line(hint), screen.columns.saturating_sub(10))
            .iter()
            .enumerate()
        {
            let start = if at == 0 {
                screen.paint.ink(Ink::Good, "try:")
            } else {
                "    ".to_owned()
            };
            out.push_str(&format!("     {start} {line}\n"));
        }
    }
    out
}
