//! The command line as a whole.

use clap::{CommandFactory, Parser, Subcommand};

use super::context::Global;
use super::{
    admit, agents, backup, bench, completions, config, doctor, escalations, exit, get, init, log, lookup, man, post,
    rebuild, replay, restore, review, sim, task, thread, up, verify,
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
    /// List the agents of the network
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
    /// Admit nodes to the project's roster
    Admit(admit::AdmitArgs),
    /// Check a decision certificate
    Verify(verify::VerifyArgs),
    /// Check the signed log
    Log(log::LogArgs),
    /// Step through a saved simulation
    Replay(replay::ReplayArgs),
    /// Simulate a network with faults
    Sim(sim::SimArgs),
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
    #[test]
    fn the_definition_holds_together() {
        super::command().debug_assert();
    }
}
