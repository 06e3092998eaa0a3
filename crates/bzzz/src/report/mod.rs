//! Renderers of a review's report: text, Markdown, JSON, SARIF and HTML, all from `bzzz_core::report::Report`.
//!
//! What always holds: text from outside is made harmless for its medium; the notes (for example that no model took
//! part) stand directly under the verdict; nothing is left out without saying how much.

pub mod html;
pub mod json;
pub mod markdown;
pub mod sarif;
pub mod text;
pub mod words;

use bzzz_core::finding::Severity;
use bzzz_core::report::{Report, Verdict};

use crate::cli::exit::Exit;
use crate::cli::failure::{Explain, Result};
use crate::term::Screen;

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For a terminal.
    Text,
    /// For a comment on a pull or merge request.
    Markdown,
    /// The structure itself.
    Json,
    /// SARIF 2.1.0 for code-scanning views.
    Sarif,
    /// One self-contained page.
    Html,
}

/// Renders `report`; `screen` matters for text only.
pub fn render(report: &Report, format: Format, screen: Screen) -> Result<String> {
    let attempt = "could not write the report as JSON";
    match format {
        Format::Text => Ok(text::render(report, screen)),
        Format::Markdown => Ok(markdown::render(report)),
        Format::Json => json::render(report).explain(Exit::Local, attempt, None),
        Format::Sarif => sarif::render(report).explain(Exit::Local, attempt, None),
        Format::Html => Ok(html::render(report)),
    }
}

/// What `--fail-on` asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FailOn {
    /// A finding from this severity on; then the verdict alone is no failure.
    pub severity: Option<Severity>,
    /// A changed file that nobody has read.
    pub unread: bool,
}

/// The exit status of a review: `--fail-on` first, then an escalation, then (without a severity in `--fail-on`) the verdict.
pub fn exit(report: &Report, fail_on: FailOn) -> Exit {
    let reached = |least| report.findings.iter().any(|item| item.finding.severity >= least);
    if fail_on.severity.is_some_and(reached) || (fail_on.unread && !report.unread.is_empty()) {
        Exit::No
    } else if report.verdict == Verdict::Escalated {
        Exit::Escalated
    } else if fail_on.severity.is_none() && report.verdict == Verdict::RequestChanges {
        Exit::No
    } else {
        Exit::Ok
    }
}

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod tests;
