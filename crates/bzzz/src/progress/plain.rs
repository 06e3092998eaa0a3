//! Progress as plain lines, for logs and pipes: one line for each event that says something new.

use std::io::Write;

use super::board::vote_word;
use super::event::ProgressEvent;
use crate::report::words;
use crate::term::clean;

/// Writes lines to `out`.
#[derive(Debug)]
pub struct Plain<W> {
    out: W,
}

impl<W: Write> Plain<W> {
    /// Progress on `out`.
    pub fn new(out: W) -> Self {
        Self { out }
    }

    /// Shows one event. Progress is a courtesy: when nobody reads it any more, the work goes on.
    pub fn show(&mut self, event: &ProgressEvent) {
        if let Some(line) = line(event) {
            let _ = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
        }
    }
}

/// The line of an event; steps within the analysis have none, they would flood a log.
pub fn line(event: &ProgressEvent) -> Option<String> {
    use ProgressEvent as E;
    let name = |agent: &str| clean::line(agent);
    Some(match event {
        E::Opened {
            thread,
            title,
            files,
            roles,
            deadline_s,
        } => format!(
            "thread {}\nreview of {} ({}), {}, deadline {deadline_s} s",
            clean::line(thread),
            clean::line(title),
            words::count((*files).into(), "file"),
            match roles.is_empty() {
                true => "no roles".to_owned(),
                false => format!("roles {}", clean::line(&roles.join(", "))),
            }
        ),
        E::Joined { agent, role, .. } => format!("{} joined as {}", name(agent), clean::line(role)),
        E::Analysing { .. } | E::Unknown => return None,
        E::Findings { agent, count } => format!("{}: {}", name(agent), words::count((*count).into(), "finding")),
        E::Proposal { agent, verdict } => match verdict.as_str() {
            "vote" => format!("{} puts the change to the vote", name(agent)),
            verdict => format!("{} proposes: {}", name(agent), vote_word(verdict)),
        },
        E::Commit { agent } => format!("{} committed to a vote", name(agent)),
        E::Reveal { agent, vote } => format!("{}, first vote: {}", name(agent), vote_word(vote)),
        E::Evidence { agent } => format!("{} brought evidence", name(agent)),
        E::FinalVote { agent, vote } => format!("{} voted: {}", name(agent), vote_word(vote)),
        E::Decided { verdict, time_ms } => format!("decided in {}: {}", words::duration(*time_ms), vote_word(verdict)),
        E::Escalated { id, reason } => {
            format!(
                "a person has to decide ({}): bzzz escalations show {}",
                words::escalation_reason(&clean::line(reason)),
                clean::line(id)
            )
        }
        E::Warning { text } => format!("warning: {}", clean::line(text)),
    })
}
