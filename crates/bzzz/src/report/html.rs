//! The report as one HTML file: nothing is loaded from anywhere, nothing runs (its own content policy says so), it reads in
//! light and dark, on paper, on a telephone and with a screen reader.
//!
//! All text from outside goes through [`esc`].

use bzzz_core::report::{Report, ReportedFinding, Verdict};

use super::words;
use crate::term::clean;

const STYLE: &str = include_str!("html.css");

/// Columns of the votes; `#` marks one of numbers.
const VOTE_COLUMNS: [&str; 5] = ["Agent", "Role", "#Weight", "Vote", "Reason"];
/// Columns of the participants.
const PEOPLE_COLUMNS: [&str; 6] = ["Agent", "Role", "Model", "Node", "Owner", "#Findings"];

/// Draws the report.
pub fn render(report: &Report) -> String {
    let mut out = String::with_capacity(16 * 1024);
    let title = format!("{}: {}", capital(words::verdict(report.verdict)), report.subject.title);
    out.push_str("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    out.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    out.push_str(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
    );
    out.push_str("<meta name=\"referrer\" content=\"no-referrer\">\n");
    out.push_str(&format!(
        "<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n",
        esc(&clean::line(&title))
    ));
    head(&mut out, report);
    out.push_str("<main>\n");
    findings(&mut out, report);
    votes(&mut out, report);
    people(&mut out, report);
    thread(&mut out, report);
    out.push_str("</main>\n");
    foot(&mut out, report);
    out.push_str("</body>\n</html>\n");
    out
}

fn head(out: &mut String, report: &Report) {
    let class = match report.verdict {
        Verdict::Approve => "approve",
        Verdict::RequestChanges => "request_changes",
        Verdict::Escalated => "escalated",
    };
    out.push_str("<header>\n<p class=\"eyebrow\">bzzz review</p>\n");
    out.push_str(&format!(
        "<h1 class=\"{class}\">{}</h1>\n",
        capital(words::verdict(report.verdict))
    ));
    out.push_str(&format!(
        "<p><code>{}</code> <span class=\"soft\">{}</span></p>\n",
        line(&report.subject.title),
        words::size(report)
    ));
    out.push_str(&format!("<p>{}</p>\n", esc(&words::basis(report))));
    for note in &report.notes {
        out.push_str(&format!(
            "<p class=\"note\"><strong>Note:</strong> {}</p>\n",
            line(note)
        ));
    }
    if !report.missing.is_empty() {
        out.push_str(&format!(
            "<p class=\"note\"><strong>Missing:</strong> no answer from {}</p>\n",
            line(&report.missing.join(", "))
        ));
    }
    escalation(out, report);
    vetoes(out, report);
    out.push_str("<ul class=\"counts\" aria-label=\"Findings by severity\">\n");
    for level in words::SEVERITIES {
        let count = report
            .findings
            .iter()
            .filter(|item| item.finding.severity == level)
            .count();
        if count > 0 {
            let word = words::severity(level);
            out.push_str(&format!(
                "<li><span class=\"badge {word}\">{count} {word}</span></li>\n"
            ));
        }
    }
    if report.findings.is_empty() {
        out.push_str("<li><span class=\"badge good\">no findings</span></li>\n");
    }
    out.push_str("</ul>\n</header>\n");
}

fn escalation(out: &mut String, report: &Report) {
    let Some(escalation) = &report.escalation else {
        return;
    };
    let heading = words::escalation_heading(escalation);
    out.push_str(&format!(
        "<section class=\"ask\" aria-labelledby=\"ask\">\n<h2 id=\"ask\">{heading}</h2>\n<dl>\n"
    ));
    pair(out, "Why", &line(&words::escalation_why(report, &escalation.reason)));
    pair(out, "Question", &line(&escalation.question));
    for (name, text) in words::escalation_rows(escalation) {
        pair(out, &words::capital(name), &line(&text));
    }
    match &escalation.answer {
        Some(answer) => pair(out, "Answer", &line(answer)),
        None => {
            for (at, command) in words::answer_commands(escalation).iter().enumerate() {
                let label = words::capital(words::answer_label(at));
                pair(out, &label, &format!("<code>{}</code>", line(command)));
            }
        }
    }
    out.push_str("</dl>\n</section>\n");
}

fn vetoes(out: &mut String, report: &Report) {
    if report.vetoes.is_empty() {
        return;
    }
    out.push_str("<section aria-labelledby=\"vetoes\">\n<h2 id=\"vetoes\">Vetoes</h2>\n<ul>\n");
    for veto in &report.vetoes {
        out.push_str(&format!("<li>{}</li>\n", line(&words::veto(veto))));
    }
    out.push_str("</ul>\n</section>\n");
}

fn findings(out: &mut String, report: &Report) {
    out.push_str("<section aria-labelledby=\"findings\">\n<h2 id=\"findings\">Findings</h2>\n");
    if report.findings.is_empty() {
        out.push_str("<p>None.</p>\n");
    }
    for item in &report.findings {
        finding(out, item);
    }
    out.push_str("</section>\n");
}

fn finding(out: &mut String, item: &ReportedFinding) {
    let finding = &item.finding;
    let word = words::severity(finding.severity);
    out.push_str(&format!(
        "<article class=\"{word}\">\n<h3><span class=\"badge {word}\">{word}</span> {}</h3>\n",
        line(&finding.title)
    ));
    let place = words::place(&finding.file, finding.line, finding.end_line);
    out.push_str(&format!("<p><code>{}</code></p>\n", line(&place)));
    if !finding.quote.trim().is_empty() {
        // A block that scrolls must be reachable by keyboard, so it takes the focus and has a name.
        out.push_str(&format!(
            "<pre tabindex=\"0\" role=\"region\" aria-label=\"Quote from {}\"><code>{}</code></pre>\n",
            line(&place),
            esc(&clean::block(finding.quote.trim_end_matches(['\n', '\r'])))
        ));
    }
    out.push_str("<dl>\n");
    pair(out, "Why", &line(&finding.why));
    pair(out, "Fix", &line(&finding.fix));
    let cwe = finding.cwe.map_or_else(String::new, |cwe| {
        format!(" · <a href=\"https://cwe.mitre.org/data/definitions/{cwe}.html\" rel=\"noreferrer\">CWE-{cwe}</a>")
    });
    pair(out, "Rule", &format!("<code>{}</code>{cwe}", line(&finding.rule)));
    pair(out, "Raised by", &line(&item.raised_by.join(", ")));
    out.push_str("</dl>\n</article>\n");
}

fn votes(out: &mut String, report: &Report) {
    out.push_str("<section aria-labelledby=\"votes\">\n<h2 id=\"votes\">Votes</h2>\n");
    out.push_str(&format!(
        "<p>{}</p>
",
        esc(&words::tally(report))
    ));
    if report.votes.is_empty() {
        out.push_str(
            "</section>
",
        );
        return;
    }
    open_table(
        out,
        "Votes",
        "Final votes, with the first vote where it was another.",
        &VOTE_COLUMNS,
    );
    for vote in &report.votes {
        let dissent = if vote.dissent {
            " <span class=\"badge medium\">dissent</span>"
        } else {
            ""
        };
        let cells = [
            line(&vote.role),
            words::weight(vote.weight),
            format!("{}{dissent}", line(&words::vote(vote))),
            line(&vote.reason),
        ];
        row(out, &VOTE_COLUMNS, &line(&vote.agent), &cells);
    }
    out.push_str("</tbody>\n</table></div>\n</section>\n");
}

fn people(out: &mut String, report: &Report) {
    if report.participants.is_empty() {
        return;
    }
    out.push_str("<section aria-labelledby=\"people\">\n<h2 id=\"people\">Who took part</h2>\n");
    open_table(out, "Participants", "Owners and models as declared.", &PEOPLE_COLUMNS);
    for who in &report.participants {
        let node: String = who.node.chars().take(12).collect();
        let cells = [
            line(&who.role),
            who.model.as_deref().map_or_else(|| "analysers only".to_owned(), line),
            format!("<code title=\"{}\">{}</code>", line(&who.node), line(&node)),
            line(&who.owner),
            who.findings.to_string(),
        ];
        row(out, &PEOPLE_COLUMNS, &line(&who.agent), &cells);
    }
    out.push_str("</tbody>\n</table></div>\n</section>\n");
}

/// Opens a table in a box that scrolls by itself. The roles are told because a narrow screen shows the rows as blocks, and
/// browsers then forget that it is a table.
fn open_table(out: &mut String, name: &str, caption: &str, columns: &[&str]) {
    out.push_str(&format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{name}\"><table role=\"table\">\n<caption>{}</caption>\n<thead role=\"rowgroup\"><tr role=\"row\">",
        esc(caption)
    ));
    for column in columns {
        let (class, name) = heading(column);
        out.push_str(&format!("<th role=\"columnheader\" scope=\"col\"{class}>{name}</th>"));
    }
    out.push_str("</tr></thead>\n<tbody role=\"rowgroup\">\n");
}

/// One row: the head and the other cells, which are HTML already.
fn row(out: &mut String, columns: &[&str], head: &str, cells: &[String]) {
    out.push_str(&format!(
        "<tr role=\"row\"><th role=\"rowheader\" scope=\"row\">{head}</th>"
    ));
    for (column, cell) in columns.iter().skip(1).zip(cells) {
        let (class, name) = heading(column);
        out.push_str(&format!("<td role=\"cell\" data-label=\"{name}\"{class}>{cell}</td>"));
    }
    out.push_str("</tr>\n");
}

fn heading(column: &str) -> (&'static str, &str) {
    match column.strip_prefix('#') {
        Some(name) => (" class=\"number\"", name),
        None => ("", column),
    }
}

fn thread(out: &mut String, report: &Report) {
    if report.messages.is_empty() {
        return;
    }
    out.push_str("<section aria-labelledby=\"thread\">\n<h2 id=\"thread\">Who said what</h2>\n<ol class=\"thread\">\n");
    for message in &report.messages {
        let text = if message.text.trim().is_empty() {
            "<em>text erased or not yet here</em>".to_owned()
        } else {
            esc(&clean::block(message.text.trim()))
        };
        out.push_str(&format!(
            "<li><strong>{}</strong> <span class=\"soft\">{}, {}, {} UTC</span><p>{text}</p></li>\n",
            line(&message.from),
            line(&message.role),
            line(&message.kind),
            words::clock(message.at_ms)
        ));
    }
    out.push_str("</ol>\n</section>\n");
}

fn foot(out: &mut String, report: &Report) {
    out.push_str("<footer>\n<dl>\n");
    pair(out, "Cost", &esc(&words::cost(report)));
    pair(out, "Time", &esc(&words::duration(report.time_ms)));
    pair(out, "Thread", &format!("<code>{}</code>", line(&report.thread)));
    pair(out, "Project", &format!("<code>{}</code>", line(&report.project)));
    pair(out, "Subject", &format!("<code>{}</code>", line(&report.subject.hash)));
    for (name, value) in words::identity(report) {
        pair(out, &esc(&capital(name)), &format!("<code>{}</code>", line(&value)));
    }
    if let Some(path) = &report.certificate {
        pair(out, "Certificate", &format!("<code>{}</code>", line(path)));
        pair(
            out,
            "Check it with",
            &format!("<code>{}</code>", line(&words::verify_command(path))),
        );
    }
    out.push_str("</dl>\n</footer>\n");
}

/// A name and its value; `value` is HTML already.
fn pair(out: &mut String, name: &str, value: &str) {
    out.push_str(&format!("<dt>{name}</dt><dd>{value}</dd>\n"));
}

/// Text from outside on one line.
fn line(text: &str) -> String {
    esc(&clean::line(text))
}

/// Escapes text for HTML, within elements and within quoted attributes.
fn esc(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
