//! The command line: one file per command, the exit statuses, the mapping of errors.
//!
//! A command's file holds its arguments and a `run` that reads input, asks a node, and shows the answer. There is no logic
//! of the network here.

pub mod address;
pub mod admit;
pub mod agents;
pub mod args;
pub mod backup;
pub mod bench;
pub mod check;
pub mod completions;
pub mod config;
pub mod confirm;
pub mod context;
pub mod doctor;
pub mod erase;
pub mod escalations;
pub mod exit;
pub mod failure;
pub mod get;
pub mod init;
pub mod interrupt;
pub mod leave;
pub mod log;
pub mod logging;
pub mod lookup;
pub mod man;
pub mod members;
pub mod post;
pub mod rebuild;
pub mod replay;
pub mod restore;
pub mod review;
pub mod sim;
pub mod stop;
pub mod task;
pub mod text;
pub mod thread;
pub mod up;
pub mod verify;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use context::Context;
use exit::Exit;
use failure::{Result, Shown};

use crate::term::out::note;
use crate::term::{Screen, Stream, clean};

/// The whole program: reads the command line, runs the command, shows its failure, gives the exit status.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(refuse(&error).code()),
    };
    let paint = Screen::of(Stream::Err, cli.global.color).paint;
    let json = cli.global.json;
    let mut context = Context::new(cli.global);
    let done = dispatch(cli.command, &mut context);
    // What was written before a failure is still wanted, and a failure to write it counts when nothing else failed.
    let flushed = context.out.flush();
    let exit = match done.and_then(|exit| flushed.map(|()| exit)) {
        Ok(exit) => exit,
        Err(error) => {
            let (shown, exit) = Shown::new(&error);
            note(&if json { json_of(&shown) } else { shown.text(paint) });
            exit
        }
    };
    ExitCode::from(exit.code())
}

fn dispatch(command: Command, context: &mut Context) -> Result<Exit> {
    match command {
        Command::Init(args) => init::run(args, context),
        Command::Up(args) => up::run(args, context),
        Command::Review(args) => review::run(*args, context),
        Command::Agents(args) => agents::run(args, context),
        Command::Lookup(args) => lookup::run(args, context),
        Command::Get(args) => get::run(args, context),
        Command::Post(args) => post::run(args, context),
        Command::Thread(args) => thread::run(args, context),
        Command::Task(args) => task::run(args, context),
        Command::Escalations(args) => escalations::run(args, context),
        Command::Members(args) => members::run(args, context),
        Command::Admit(args) => admit::run(args, context),
        Command::Leave(args) => leave::run(args, context),
        Command::Drain(args) => stop::drain(args, context),
        Command::Kill(args) => stop::kill(args, context),
        Command::Verify(args) => verify::run(args, context),
        Command::Log(args) => log::run(args, context),
        Command::Replay(args) => replay::run(args, context),
        Command::Sim(args) => sim::run(args, context),
        Command::Erase(args) => erase::run(args, context),
        Command::Backup(args) => backup::run(args, context),
        Command::Restore(args) => restore::run(args, context),
        Command::Rebuild(args) => rebuild::run(args, context),
        Command::Doctor(args) => doctor::run(args, context),
        Command::Config(args) => config::run(args, context),
        Command::Bench(args) => bench::run(args, context),
        Command::Completions(args) => completions::run(args, context),
        Command::Man(args) => man::run(args, context),
    }
}

/// clap's own refusals and its help. With `--json` a refusal is an object like every other error.
fn refuse(error: &clap::Error) -> Exit {
    if !error.use_stderr() {
        let _ = error.print();
        return Exit::Ok;
    }
    if std::env::args_os()
        .take_while(|arg| arg != "--")
        .any(|arg| arg == "--json")
    {
        let text = error.render().to_string();
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let first = lines.next().unwrap_or("").trim_start_matches("error: ");
        let tips: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter_map(|line| line.strip_prefix("tip: "))
            .collect();
        let shown = Shown {
            error: "could not understand the command line".to_owned(),
            because: vec![clean::line(first)],
            hint: Some(
                tips.first()
                    .map_or_else(|| "`bzzz --help` lists the commands".to_owned(), |tip| clean::line(tip)),
            ),
            kind: Exit::Usage.word(),
            exit: Exit::Usage.code(),
        };
        note(&json_of(&shown));
    } else {
        let _ = error.print();
    }
    Exit::Usage
}

fn json_of(shown: &Shown) -> String {
    clean::json(&serde_json::to_string(shown).unwrap_or_default())
}
