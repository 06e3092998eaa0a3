//! `cargo xtask`: see the library for what it does.

use std::process::ExitCode;

use xtask::args::{self, Command};
use xtask::repository;
use xtask::runner::{self, Context};
use xtask::{steps, tidy};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let result = args::parse(&words).and_then(run);
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

/// Whether all went well; an error where nothing could be begun.
fn run(command: Command) -> Result<bool, String> {
    if let Command::Help = command {
        print!("{}", args::HELP);
        return Ok(true);
    }
    let root = repository::root()?;
    match command {
        Command::Help => unreachable!("printed above"),
        Command::List => {
            for step in steps::ALL {
                println!("{:12} {}", step.name, step.what);
            }
            Ok(true)
        }
        Command::Test(options) => Ok(runner::run(steps::ALL, &Context::new(root, options))),
        Command::Tidy => {
            let report = tidy::check(&root)?;
            println!("{report}");
            Ok(report.problems.is_empty())
        }
    }
}
