//! The report as a comment on a pull or merge request (GitHub and GitLab flavoured Markdown).
//!
//! All text from outside is escaped: it can neither format, nor link, nor mention people, nor refer to issues, nor run
//! quick actions. Code stands in fences longer than any run of backticks within. The whole stays under the size that
//! GitHub takes; what does not fit is counted, never dropped in silence.

use bzzz_core::report::{Report, ReportedFinding, Verdict};

use super::words;
use crate::term::clean;

/// GitHub refuses comments above 65,536 characters; findings stop here and messages end before the limit.
const MAX_FINDINGS_BYTES: usize = 45_000;
/// See [`MAX_FINDINGS_BYTES`].
const MAX_THREAD_BYTES: usize = 58_000;
/// Lines of a quote; the JSON has them all.
const MAX_QUOTE_LINES: usize = 20;
/// Characters of one text from outside.
const MAX_TEXT: usize = 2_000;

/// Draws the report.
pub fn render(report: &Report) -> String {
    let mut out = head(report);
    findings(&mut out, report);
    votes(&mut out, report);
    people(&mut out, report);
    thread(&mut out, report);
    foot(&mut out, report);
    out
}

fn head(report: &Report) -> String {
    let mark = match report.verdict {
        Verdict::Approve => "Approved",
        Verdict::RequestChanges => "Changes requested",
        Verdict::Escalated => "Escalated to a person",
    };
    let mut out = format!("## bzzz review: {mark}\n\n");
    out.push_str(&format!(
        "{}: {}. {}.\n\n",
        code(&report.subject.title),
        words::size(report),
        capital(&words::finding_counts(report))
    ));
    out.push_str(&format!("{}\n", words::basis(report)));
    for note in &report.notes {
        out.push_str(&format!("\n> **Note:** {}\n", prose(note)));
    }
    if !report.missing.is_empty() {
        out.push_str(&format!(
            "\n> **Missing:** no answer from {}\n",
            prose(&report.missing.join(", "))
        ));
    }
    if let Some(escalation) = &report.escalation {
        out.push_str(&format!("\n### {}\n\n", words::escalation_heading(escalation)));
        out.push_str(&format!(
            "- Why: {}\n- Question: {}\n",
            prose(&words::escalation_why(report, &escalation.reason)),
            prose(&escalation.question)
        ));
        for (name, text) in words::escalation_rows(escalation) {
            out.push_str(&format!("- {}: {}\n", words::capital(name), prose(&text)));
        }
        match &escalation.answer {
            Some(answer) => out.push_str(&format!("- Answer: {}\n", prose(answer))),
            None => {
                for (at, command) in words::answer_commands(escalation).iter().enumerate() {
                    let label = words::capital(words::answer_label(at));
                    out.push_str(&format!("- {label}: {}\n", code(command)));
                }
            }
        }
    }
    if !report.vetoes.is_empty() {
        out.push_str("\n### Vetoes\n\n");
        for veto in &report.vetoes {
            out.push_str(&format!("- {}\n", prose(&words::veto(veto))));
        }
    }
    out
}

fn findings(out: &mut String, report: &Report) {
    out.push_str("\n### Findings\n\n");
    if report.findings.is_empty() {
        out.push_str("None.\n");
    }
    for (shown, item) in report.findings.iter().enumerate() {
        let block = finding(item);
        if out.len() + block.len() > MAX_FINDINGS_BYTES {
            let left = report.findings.len() - shown;
            out.push_str(&format!(
                "\n**{} more** did not fit here; the JSON report has them all.\n",
                words::count(left as u64, "finding")
            ));
            break;
        }
        out.push_str(&block);
    }
}

fn finding(item: &ReportedFinding) -> String {
    let finding = &item.finding;
    let cwe = finding.cwe.map_or_else(String::new, |cwe| {
        format!(" · [CWE-{cwe}](https://cwe.mitre.org/data/definitions/{cwe}.html)")
    });
    format!(
        "#### {}: {}\n\n{} · {}{cwe} · by {}\n\n{}\n**Why:** {}\n\n**Fix:** {}\n\n",
        capital(words::severity(finding.severity)),
        prose(&finding.title),
        code(&words::place(&finding.file, finding.line, finding.end_line)),
        code(&finding.rule),
        prose(&item.raised_by.join(", ")),
        fence(&finding.quote),
        prose(&finding.why),
        prose(&finding.fix),
    )
}

fn votes(out: &mut String, report: &Report) {
    out.push_str("\n### Votes\n\n");
    if !report.votes.is_empty() {
        out.push_str("| Agent | Role | Weight | Vote | Reason |\n|---|---|--:|---|---|\n");
    }
    for vote in &report.votes {
        let dissent = if vote.dissent { " (**dissent**)" } else { "" };
        out.push_str(&format!(
            "| {} | {} | {} | {}{dissent} | {} |\n",
            prose(&vote.agent),
            prose(&vote.role),
            words::weight(vote.weight),
            prose(&words::vote(vote)),
            prose(&vote.reason)
        ));
    }
    out.push_str(&format!("\n{}\n", words::tally(report)));
}

fn people(out: &mut String, report: &Report) {
    if report.participants.is_empty() {
        return;
    }
    out.push_str("\n<details><summary>Who took part</summary>\n\n| Agent | Role | Model | Node | Owner | Findings |\n|---|---|---|---|---|--:|\n");
    for who in &report.participants {
        let node: String = who.node.chars().take(12).collect();
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            prose(&who.agent),
            prose(&who.role),
            who.model.as_deref().map_or_else(|| "analysers only".to_owned(), prose),
            prose(&node),
            prose(&who.owner),
            who.findings
        ));
    }
    out.push_str("\n</details>\n");
}

fn thread(out: &mut String, report: &Report) {
    if report.messages.is_empty() {
        return;
    }
    out.push_str("\n<details><summary>Who said what</summary>\n\n");
    for (shown, message) in report.messages.iter().enumerate() {
        let text = if message.text.trim().is_empty() {
            "(text erased or not yet here)".to_owned()
        } else {
            prose(&message.text)
        };
        let line = format!(
            "- {} **{}** ({}): {text}\n",
            words::clock(message.at_ms),
            prose(&message.from),
            prose(&message.kind)
        );
        if out.len() + line.len() > MAX_THREAD_BYTES {
            let left = report.messages.len() - shown;
            out.push_str(&format!(
                "- {} did not fit here\n",
                words::count(left as u64, "message")
            ));
            break;
        }
        out.push_str(&line);
    }
    out.push_str("\n</details>\n");
}

fn foot(out: &mut String, report: &Report) {
    out.push_str(&format!(
        "\n---\n\nCost {} · time {} · thread {}\n",
        words::cost(report),
        words::duration(report.time_ms),
        code(&report.thread)
    ));
    for (name, value) in words::identity(report) {
        out.push_str(&format!("\n{} {}\n", capital(name), code(&value)));
    }
    if let Some(path) = &report.certificate {
        out.push_str(&format!(
            "\nCertificate {}; check it with {}\n",
            code(path),
            code(&words::verify_command(path))
        ));
    }
}

/// Text from outside on one line, without any power.
fn prose(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (count, c) in clean::line(text.trim()).chars().enumerate() {
        if count == MAX_TEXT {
            out.push('…');
            break;
        }
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // The comment between sign and name keeps forges from mentioning people and linking issues.
            '@' | '#' | '!' | '~' | '%' | '$' => {
                out.push('\\');
                out.push(c);
                out.push_str("<!-- -->");
            }
            '-' | '+' | '=' if count > 0 => out.push(c),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '|' | '-' | '+' | '=' => {
                out.push('\\');
                out.push(c);
            }
            // `://` and `www.` link by themselves.
            ':' => out.push_str("&#58;"),
            // A slash at the start would be a quick action in GitLab.
            '/' if count == 0 => out.push_str("&#47;"),
            c => out.push(c),
        }
    }
    out
}

/// Text from outside as code within a line.
fn code(text: &str) -> String {
    let text: String = clean::line(text).chars().take(MAX_TEXT).collect();
    let ticks = "`".repeat(longest_run(&text) + 1);
    // A space on both sides where the text starts or ends with a backtick (CommonMark 0.31, 6.1); a bar would end a
    // table's cell, but code spans are used outside of tables only.
    let pad = if text.starts_with('`') || text.ends_with('`') || text.is_empty() {
        " "
    } else {
        ""
    };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

/// Text from outside as a block of code.
fn fence(text: &str) -> String {
    let text = clean::block(text.trim_end_matches(['\n', '\r']));
    if text.trim().is_empty() {
        return String::new();
    }
    let ticks = "`".repeat(longest_run(&text).max(2) + 1);
    let count = text.lines().count();
    let shown: Vec<String> = text
        .lines()
        .take(MAX_QUOTE_LINES)
        .map(|line| line.chars().take(MAX_TEXT).collect())
        .collect();
    let more = if count > MAX_QUOTE_LINES {
        format!("\n… {} more", words::count((count - MAX_QUOTE_LINES) as u64, "line"))
    } else {
        String::new()
    };
    format!("{ticks}text\n{}{more}\n{ticks}\n", shown.join("\n"))
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_has_no_power() {
        assert_eq!(
            prose("<b> @team #1 /close"),
            "&lt;b&gt; \\@<!-- -->team \\#<!-- -->1 /close"
        );
        assert_eq!(prose("/close"), "&#47;close");
        assert_eq!(prose("[x](javascript:y)"), "\\[x\\]\\(javascript&#58;y\\)");
        assert_eq!(prose("a\n\n# b"), "a  \\#<!-- --> b");
    }

    #[test]
    fn fences_are_longer_than_their_content() {
        assert!(fence("a\n````\nb").starts_with("`````text\n"));
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`a"), "`` `a ``");
    }
}
