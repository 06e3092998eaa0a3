//! The report for a terminal: readable at 40 columns and at 120, with and without colours.

use bzzz_core::finding::Severity;
use bzzz_core::report::{Report, ReportedFinding, Verdict};

use super::words;
use crate::term::clean;
use crate::term::wrap::{cut, width, wrap_after};
use crate::term::{Ink, Screen};

/// Lines of a quote that are shown; the JSON has them all.
const MAX_QUOTE_LINES: usize = 12;
/// Columns under which later lines of a field hang.
const MAX_HANG: usize = 10;

/// Draws the report.
pub fn render(report: &Report, screen: Screen) -> String {
    let mut page = Page {
        screen,
        out: String::new(),
    };
    page.head(report);
    page.escalation(report);
    page.vetoes(report);
    page.findings(report);
    page.votes(report);
    page.people(report);
    page.thread(report);
    page.foot(report);
    page.out
}

struct Page {
    screen: Screen,
    out: String,
}

impl Page {
    fn ink(&self, ink: Ink, text: &str) -> String {
        self.screen.paint.ink(ink, text)
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    fn heading(&mut self, text: &str) {
        self.out.push('\n');
        for line in wrap_after(text, self.screen.columns, 0) {
            let line = self.ink(Ink::Strong, &line);
            self.line(&line);
        }
    }

    /// Text from outside, wrapped; later lines stand under the first word.
    fn field(&mut self, indent: usize, label: &str, ink: Ink, text: &str) {
        let text = clean::block(text.trim());
        let columns = self.screen.columns.saturating_sub(indent);
        if width(label) >= columns {
            for line in wrap_after(label, columns, 0) {
                let line = self.ink(ink, &line);
                self.line(&format!("{}{line}", " ".repeat(indent)));
            }
            self.field(indent + 2, "", ink, &text);
            return;
        }
        let taken = if label.is_empty() { 0 } else { width(label) + 1 };
        // Later lines hang under the text, or, where the label is long, a little to the right of it.
        let hang = if taken > MAX_HANG { 2 } else { taken };
        let room = self.screen.columns.saturating_sub(indent + hang);
        let mut lines = wrap_after(&text, room, taken - hang.min(taken)).into_iter();
        let first = lines.next().unwrap_or_default();
        let label = self.ink(ink, label);
        let space = if taken == 0 { "" } else { " " };
        self.line(&format!("{}{label}{space}{first}", " ".repeat(indent)));
        for line in lines {
            self.line(&format!("{}{line}", " ".repeat(indent + hang)));
        }
    }

    /// A command after its label, on one line: beside the label where it fits, below it otherwise.
    fn command(&mut self, indent: usize, label: &str, command: &str) {
        let command = clean::line(command);
        let head = format!("{}{}", " ".repeat(indent), self.ink(Ink::Handle, label));
        if indent + width(label) + 1 + width(&command) <= self.screen.columns {
            self.line(&format!("{head} {command}"));
        } else {
            self.line(&head);
            self.line(&format!("{}{command}", " ".repeat(indent + 2)));
        }
    }

    fn prose(&mut self, indent: usize, text: &str) {
        self.field(indent, "", Ink::Strong, text);
    }

    fn head(&mut self, report: &Report) {
        let ink = match report.verdict {
            Verdict::Approve => Ink::Good,
            Verdict::RequestChanges => Ink::Worst,
            Verdict::Escalated => Ink::Care,
        };
        self.field(0, &words::verdict(report.verdict).to_uppercase(), ink, "");
        self.prose(
            0,
            &format!("{} ({})", clean::line(&report.subject.title), words::size(report)),
        );
        self.out.push('\n');
        self.prose(0, &words::basis(report));
        for note in &report.notes {
            self.field(0, "note:", Ink::Care, &clean::line(note));
        }
        if !report.missing.is_empty() {
            self.field(
                0,
                "missing:",
                Ink::Care,
                &format!("no answer from {}", clean::line(&report.missing.join(", "))),
            );
        }
    }

    fn vetoes(&mut self, report: &Report) {
        if report.vetoes.is_empty() {
            return;
        }
        self.heading("Vetoes");
        for veto in &report.vetoes {
            self.field(2, "veto:", Ink::Care, &words::veto(veto));
        }
    }

    fn escalation(&mut self, report: &Report) {
        let Some(escalation) = &report.escalation else {
            return;
        };
        self.heading(words::escalation_heading(escalation));
        self.field(
            2,
            "why:",
            Ink::Faint,
            &words::escalation_why(report, &clean::line(&escalation.reason)),
        );
        self.field(2, "question:", Ink::Faint, &escalation.question);
        for (name, text) in words::escalation_rows(escalation) {
            self.field(2, &format!("{name}:"), Ink::Faint, &text);
        }
        match &escalation.answer {
            Some(answer) => self.field(2, "answer:", Ink::Good, answer),
            None => {
                for (at, command) in words::answer_commands(escalation).iter().enumerate() {
                    self.command(2, &format!("{}:", words::answer_label(at)), command);
                }
            }
        }
    }

    fn findings(&mut self, report: &Report) {
        self.heading(&format!("Findings: {}", words::finding_counts(report)));
        for item in &report.findings {
            self.finding(item);
        }
    }

    fn finding(&mut self, item: &ReportedFinding) {
        let finding = &item.finding;
        let ink = match finding.severity {
            Severity::Critical => Ink::Worst,
            Severity::High => Ink::Bad,
            Severity::Medium => Ink::Care,
            Severity::Low => Ink::Faint,
        };
        self.out.push('\n');
        self.field(0, words::severity(finding.severity), ink, &clean::line(&finding.title));
        let place = clean::line(&words::place(&finding.file, finding.line, finding.end_line));
        let place = self.ink(Ink::Handle, &place);
        self.line(&format!("  {place}"));
        self.quote(&finding.quote);
        self.field(2, "why:", Ink::Faint, &clean::line(&finding.why));
        self.field(2, "fix:", Ink::Good, &clean::line(&finding.fix));
        let cwe = finding.cwe.map_or_else(String::new, |cwe| format!(", CWE-{cwe}"));
        let by = format!("{}{cwe}, by {}", finding.rule, item.raised_by.join(", "));
        self.field(2, "rule:", Ink::Faint, &clean::line(&by));
    }

    fn quote(&mut self, quote: &str) {
        let quote = clean::block(quote.trim_end_matches(['\n', '\r']));
        let bar = self.ink(Ink::Faint, "|");
        let count = quote.lines().count();
        for line in quote.lines().take(MAX_QUOTE_LINES) {
            // Programs read code line by line.
            let pieces = match self.screen.terminal {
                true => cut(line, self.screen.columns.saturating_sub(4)),
                false => vec![line.to_owned()],
            };
            for piece in pieces {
                self.line(&format!("  {bar} {piece}"));
            }
        }
        if count > MAX_QUOTE_LINES {
            let more = self.ink(
                Ink::Faint,
                &format!("  | … {} more", words::count((count - MAX_QUOTE_LINES) as u64, "line")),
            );
            self.line(&more);
        }
    }

    fn votes(&mut self, report: &Report) {
        self.heading("Votes");
        for vote in &report.votes {
            let mark = if vote.dissent { " (dissent)" } else { "" };
            let who = format!(
                "{} ({}, weight {}):",
                clean::line(&vote.agent),
                clean::line(&vote.role),
                words::weight(vote.weight)
            );
            let mut text = format!("{}{mark}", words::vote(vote));
            if !vote.reason.trim().is_empty() {
                text.push_str(&format!(". {}", clean::line(vote.reason.trim())));
            }
            self.field(2, &who, if vote.dissent { Ink::Care } else { Ink::Faint }, &text);
        }
        self.prose(2, &words::tally(report));
    }

    fn people(&mut self, report: &Report) {
        if report.participants.is_empty() {
            return;
        }
        self.heading("Who took part");
        for who in &report.participants {
            let model = who
                .model
                .as_deref()
                .map_or_else(|| "analysers only".to_owned(), |model| format!("model {model}"));
            let node: String = clean::line(&who.node).chars().take(12).collect();
            let text = format!(
                "{}, {model}, node {node} of {}, {} raised",
                who.role,
                who.owner,
                words::count(who.findings.into(), "finding")
            );
            self.field(
                2,
                &format!("{}:", clean::line(&who.agent)),
                Ink::Faint,
                &clean::line(&text),
            );
        }
    }

    fn thread(&mut self, report: &Report) {
        if report.messages.is_empty() {
            return;
        }
        self.heading("Who said what");
        for message in &report.messages {
            let text = if message.text.trim().is_empty() {
                "(text erased or not yet here)"
            } else {
                &message.text
            };
            let label = format!(
                "{} {} {}:",
                words::clock(message.at_ms),
                clean::line(&message.from),
                clean::line(&message.kind)
            );
            self.field(2, &label, Ink::Faint, text);
        }
    }

    fn foot(&mut self, report: &Report) {
        self.out.push('\n');
        self.field(0, "cost:", Ink::Faint, &words::cost(report));
        self.field(0, "time:", Ink::Faint, &words::duration(report.time_ms));
        self.field(0, "thread:", Ink::Faint, &clean::line(&report.thread));
        for (name, value) in words::identity(report) {
            self.field(0, &format!("{name}:"), Ink::Faint, &clean::line(&value));
        }
        if let Some(path) = &report.certificate {
            self.command(0, "certificate:", path);
            self.command(0, "check it with:", &words::verify_command(path));
        }
    }
}
