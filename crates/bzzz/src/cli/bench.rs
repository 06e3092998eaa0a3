//! `bzzz bench`: what this program costs on this machine, each figure beside a bare baseline of the same run where there
//! is one.

use serde_json::json;

use super::context::Context;
use super::exit::Exit;
use super::failure::{Result, fail};
use crate::bench::{Extent, Figure, MEASUREMENTS, Measurement};
use crate::term::Screen;
use crate::term::table::{pair, table};

/// Arguments of `bzzz bench`.
#[derive(Debug, clap::Args)]
pub struct BenchArgs {
    /// What to measure [default: all]
    #[arg(value_name = "NAME", value_parser = MEASUREMENTS.iter().map(|m| m.name).collect::<Vec<_>>())]
    names: Vec<String>,
    /// How long rates are held
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Runs of what is short
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    runs: u16,
    /// Events of the stored history
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(400..=10_000_000))]
    events: u64,
    /// Lines of the reviewed change
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(30..=100_000))]
    lines: u32,
}

/// Runs the command.
pub fn run(args: BenchArgs, context: &mut Context) -> Result<Exit> {
    let extent = Extent {
        seconds: args.seconds,
        runs: usize::from(args.runs),
        events: args.events,
        lines: args.lines as usize,
    };
    let wanted = |m: &&Measurement| args.names.is_empty() || args.names.iter().any(|name| name == m.name);
    let mut figures = Vec::new();
    for measurement in MEASUREMENTS.iter().filter(wanted) {
        crate::term::out::note(&format!("measuring {} …", measurement.name));
        figures.extend((measurement.run)(extent)?);
    }
    if figures.is_empty() {
        return Err(fail(Exit::Local, "could not measure anything", None));
    }
    let answer = json!({
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "figures": figures,
    });
    context.show(&answer, |screen| draw(screen, &figures))?;
    Ok(Exit::Ok)
}

fn draw(screen: Screen, figures: &[Figure]) -> String {
    let name = |figure: &Figure| format!("{} {}", figure.name, figure.what);
    let rows: Vec<Vec<String>> = figures
        .iter()
        .map(|figure| {
            let beside = figure.ratio.iter().zip(&figure.baseline);
            let goal = figure.goal.iter().zip(figure.met);
            vec![
                name(figure),
                figure.value.clone(),
                beside.map(|(ratio, base)| format!("{ratio} x {base}")).collect(),
                goal.map(|(goal, met)| format!("{goal}: {}", if met { "met" } else { "not met" }))
                    .collect(),
            ]
        })
        .collect();
    let mut text = table(screen, &["what", "figure", "beside", "goal"], &rows, "");
    text.push('\n');
    for figure in figures {
        text.push_str(&pair(screen, &name(figure), &figure.how));
    }
    text
}
