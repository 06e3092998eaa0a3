//! The command line as a whole.

use clap::{CommandFactory, Parser, Subcommand};

use super::context::Global;
use super::{
    admit, agents, backup, bench, completions, config, doctor, erase, escalations, exit, get, init, leave, log, lookup,
    man, members, post, rebuild, replay, restore, review, sim, stop, task, thread, up, verify,
};

/// A peer-to-peer network in which agents review, discuss, vote and decide
#[derive(Debug, Parser)]
#[command(name = "bzzz", version, after_help = exit::table(), max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    /// Flags of all commands.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a data folder with an example settings file
    Init(init::InitArgs),
    /// Run a node
    Up(up::UpArgs),
    /// Review a change with a team of agents
    Review(Box<review::ReviewArgs>),
    /// List the agents of the network; pause, resume or retire one
    Agents(agents::AgentsArgs),
    /// Find agents, threads, tasks and resources by address
    Lookup(lookup::LookupArgs),
    /// Read a resource
    Get(get::GetArgs),
    /// Write a resource, or send a message to an address
    Post(post::PostArgs),
    /// Read and write threads
    Thread(thread::ThreadArgs),
    /// Announce, claim and complete tasks
    Task(task::TaskArgs),
    /// Answer the questions that agents hand to people
    Escalations(escalations::EscalationsArgs),
    /// List the members and who wants in or out; remove one
    Members(members::MembersArgs),
    /// Admit nodes to the project's roster
    Admit(admit::AdmitArgs),
    /// Leave the project for good
    Leave(leave::LeaveArgs),
    /// Let the node's agents finish, and take nothing new
    Drain(stop::StopArgs),
    /// Stop the node's agents at once
    Kill(stop::StopArgs),
    /// Check a decision certificate
    Verify(verify::VerifyArgs),
    /// Check the signed log
    Log(log::LogArgs),
    /// Step through a saved simulation
    Replay(replay::ReplayArgs),
    /// Simulate a network with faults
    Sim(sim::SimArgs),
    /// Erase the texts of a thread, or one text, from this node
    Erase(erase::EraseArgs),
    /// Copy the data of a running node
    Backup(backup::BackupArgs),
    /// Restore a backup as a new incarnation of the node
    Restore(restore::RestoreArgs),
    /// Make the projections again from the events
    Rebuild(rebuild::RebuildArgs),
    /// Check this machine
    Doctor(doctor::DoctorArgs),
    /// Check and show the settings
    Config(config::ConfigArgs),
    /// Measure this program on this machine
    Bench(bench::BenchArgs),
    /// Print completions for a shell
    Completions(completions::CompletionsArgs),
    /// Print the manual page, or write all pages to a folder
    Man(man::ManArgs),
}

/// The command line as clap knows it, for completions and manual pages.
pub fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    #[test]
    fn the_definition_holds_together() {
        super::command().debug_assert();
    }

    /// The words of a line as a shell would split it: quotes keep spaces, a `#` after a space begins a comment, a `>` names a file.
    fn words(line: &str) -> Vec<String> {
        let (mut out, mut word, mut quoted) = (Vec::new(), None::<String>, false);
        for c in line.chars() {
            match c {
                '"' => {
                    quoted = !quoted;
                    word.get_or_insert_default();
                }
                ' ' if !quoted => out.extend(word.take()),
                '#' | '>' if !quoted && word.is_none() => break,
                c => word.get_or_insert_default().push(c),
            }
        }
        out.extend(word);
        out
    }

    /// A guide whose commands do not exist is worse than none.
    #[test]
    fn every_command_in_the_documents_is_understood() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        let documents = std::fs::read_dir(format!("{root}/docs")).expect("the documents");
        let mut paths: Vec<_> = documents.map(|entry| entry.expect("an entry").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|e| e == "md"));
        paths.extend(["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"].map(|name| format!("{root}/{name}").into()));
        let mut seen = 0;
        for path in paths {
            let text = std::fs::read_to_string(&path).expect("a document");
            let mut in_shell = false;
            for line in text.lines() {
                if line.starts_with("```") {
                    in_shell = line == "```sh" || line == "```console";
                }
                let command = line.rsplit(" | ").next().unwrap_or(line);
                let command = command.strip_prefix("$ ").unwrap_or(command);
                if in_shell && command.starts_with("bzzz ") {
                    let parsed = super::Cli::try_parse_from(words(command));
                    assert!(parsed.is_ok(), "{}: {line}\n{}", path.display(), parsed.unwrap_err());
                    seen += 1;
                }
            }
        }
        assert!(
            seen > 50,
            "only {seen} commands were found: does the test still read the documents?"
        );
    }
}
