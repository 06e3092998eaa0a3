//! `bzzz config`: checks and shows the settings.

use serde_json::json;

use super::context::Context;
use super::exit::Exit;
use super::failure::{Explain, Result};
use crate::settings::problem::{Level, Problem};
use crate::settings::{layers, show};
use crate::term::table::table;
use crate::term::{Ink, Screen, clean};

/// Arguments of `bzzz config`.
#[derive(Debug, clap::Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Tell all problems of the settings at once
    Check,
    /// Show every setting with its value and where it comes from
    Show,
    /// Print the example settings file
    Example,
}

/// Runs the command.
pub fn run(args: ConfigArgs, context: &mut Context) -> Result<Exit> {
    let layers = layers(&context.flags());
    match args.action {
        Action::Check => {
            let usable = layers.usable();
            let file = layers.file.as_ref().map(|path| path.display().to_string());
            let answer = json!({ "ok": usable, "file": file, "problems": layers.problems });
            context.show(&answer, |screen| {
                draw_problems(screen, file.as_deref(), &layers.problems)
            })?;
            Ok(if usable { Exit::Ok } else { Exit::Usage })
        }
        Action::Show => {
            let listing = show::listing(&layers);
            let answer = serde_json::to_value(&listing).explain(Exit::Local, "could not list the settings", None)?;
            context.show(&answer, |screen| draw_listing(screen, &listing))?;
            if layers.usable() {
                return Ok(Exit::Ok);
            }
            // What is shown leaves out what is wrong, so the status says that it is not all.
            let text = draw_problems(
                Screen {
                    paint: context.screen.paint,
                    ..Screen::plain(context.screen.columns)
                },
                None,
                &layers.problems,
            );
            if !context.global.json {
                crate::term::out::note(text.trim_end());
            }
            Ok(Exit::Usage)
        }
        Action::Example => {
            let text = crate::settings::example::example(&[]);
            if context.global.json {
                context.out.json(&json!({ "example": text }))?
            } else {
                context.out.text(&text)?
            }
            Ok(Exit::Ok)
        }
    }
}

fn draw_problems(screen: Screen, file: Option<&str>, problems: &[Problem]) -> String {
    let mut out = String::new();
    for problem in problems {
        let label = match problem.level {
            Level::Error => screen.paint.ink(Ink::Worst, "error:"),
            Level::Warning => screen.paint.ink(Ink::Care, "warning:"),
        };
        out.push_str(&format!("{label} {}\n", clean::line(&problem.to_string())));
        if let Some(hint) = &problem.hint {
            out.push_str(&format!(
                "  {} {}\n",
                screen.paint.ink(Ink::Good, "try:"),
                clean::line(hint)
            ));
        }
    }
    let errors = problems.iter().filter(|problem| problem.level == Level::Error).count();
    if errors == 0 {
        let what = file.map_or_else(|| "no settings file; the defaults hold".to_owned(), clean::line);
        out.push_str(&format!("{} {what}\n", screen.paint.ink(Ink::Good, "ok:")));
    }
    out
}

fn draw_listing(screen: Screen, listing: &show::Listing) -> String {
    let rows: Vec<Vec<String>> = listing
        .settings
        .iter()
        .map(|entry| {
            let value = entry
                .value
                .as_ref()
                .map_or_else(|| "(none)".to_owned(), crate::settings::value::Value::to_toml);
            vec![entry.key.to_owned(), entry.source.to_string(), value]
        })
        .collect();
    let mut out = format!(
        "file: {}\n\n",
        listing.file.as_deref().map_or_else(|| "none".to_owned(), clean::line)
    );
    out.push_str(&table(screen, &["key", "source", "value"], &rows, ""));
    let agents: Vec<Vec<String>> = listing
        .agents
        .iter()
        .map(|agent| {
            vec![
                agent.id.clone(),
                agent.role.clone(),
                agent.max_tasks.to_string(),
                agent.capabilities.join(", "),
            ]
        })
        .collect();
    out.push('\n');
    out.push_str(&table(
        screen,
        &["agent", "role", "tasks", "capabilities"],
        &agents,
        "no agents",
    ));
    out
}
