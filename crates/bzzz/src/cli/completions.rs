//! `bzzz completions`: a script for the shell.

use clap_complete::Shell;

use super::context::Context;
use super::exit::Exit;
use super::failure::Result;

/// Arguments of `bzzz completions`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  bzzz completions bash > ~/.local/share/bash-completion/completions/bzzz\n  bzzz completions zsh > ~/.zfunc/_bzzz\n  bzzz completions fish > ~/.config/fish/completions/bzzz.fish"
)]
pub struct CompletionsArgs {
    /// Shell
    shell: Shell,
}

/// Runs the command.
pub fn run(args: CompletionsArgs, context: &mut Context) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::args::command(), "bzzz", &mut script);
    context.out.bytes(&script)?;
    Ok(Exit::Ok)
}
