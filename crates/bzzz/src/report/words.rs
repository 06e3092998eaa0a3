//! The words that all renderings of a report share, so that no two of them say different things.

use bzzz_core::finding::Severity;
use bzzz_core::report::{Basis, EscalationLine, Report, Verdict, VetoLine, VoteLine};

use crate::settings::money::show_microusd;

/// Severities, worst first.
pub const SEVERITIES: [Severity; 4] = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low];
/// Micro-units in a weight of one.
const MICRO: u64 = 1_000_000;

/// The verdict in a few words.
pub const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approve => "approved",
        Verdict::RequestChanges => "changes requested",
        Verdict::Escalated => "escalated to a person",
    }
}

/// The severity as it stands in the JSON.
pub const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

/// What the verdict rests on, as a sentence.
pub fn basis(report: &Report) -> String {
    let tally = &report.tally;
    match report.basis {
        Basis::SeverityRule => {
            "The verdict follows the published severity rule over the findings. It is a report, not a consensus."
                .to_owned()
        }
        Basis::Consensus => format!(
            "The verdict is a consensus: more than two thirds of the weight, from {}, {} and {} (as declared).",
            count(tally.nodes.into(), "node"),
            count(tally.owners.into(), "owner"),
            many(tally.model_families.into(), "model family", "model families"),
        ),
        Basis::Person => "The verdict is a person's signed answer.".to_owned(),
    }
}

/// `2 critical, 1 low`; `no findings` when there are none.
pub fn finding_counts(report: &Report) -> String {
    let parts: Vec<String> = SEVERITIES
        .iter()
        .filter_map(|level| {
            let count = report
                .findings
                .iter()
                .filter(|item| item.finding.severity == *level)
                .count();
            (count > 0).then(|| format!("{count} {}", severity(*level)))
        })
        .collect();
    if parts.is_empty() {
        "no findings".to_owned()
    } else {
        parts.join(", ")
    }
}

/// `3 files, 120 lines added, 14 removed`.
pub fn size(report: &Report) -> String {
    let subject = &report.subject;
    format!(
        "{}, {} added, {} removed",
        count(subject.files.into(), "file"),
        count(subject.added.into(), "line"),
        subject.removed
    )
}

/// `1 file`, `2 files`.
pub fn count(number: u64, what: &str) -> String {
    many(number, what, &format!("{what}s"))
}

fn many(number: u64, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}

/// `src/a.rs:3-5`; the file alone when the finding is about all of it.
pub fn place(file: &str, line: u32, end_line: u32) -> String {
    match (line, end_line) {
        (0, _) => file.to_owned(),
        (line, end) if end > line => format!("{file}:{line}-{end}"),
        (line, _) => format!("{file}:{line}"),
    }
}

/// A weight in micro-units as a decimal: `1`, `0.5`, `0.333333`.
pub fn weight(micro: u64) -> String {
    let part = format!("{:06}", micro % MICRO);
    let part = part.trim_end_matches('0');
    if part.is_empty() {
        (micro / MICRO).to_string()
    } else {
        format!("{}.{part}", micro / MICRO)
    }
}

/// A vote: `approve → changes`, `silent`.
pub fn vote(line: &VoteLine) -> String {
    let word = |vote: &Option<String>| match vote.as_deref() {
        None => "silent".to_owned(),
        Some("request_changes") => "request changes".to_owned(),
        Some(other) => other.to_owned(),
    };
    let (first, last) = (word(&line.first), word(&line.last));
    if first == last {
        last
    } else {
        format!("{first}, then {last}")
    }
}

/// What tells the change to somebody who does not have the record: the digest of its diff, and its commits where they are known.
pub fn identity(report: &Report) -> Vec<(&'static str, String)> {
    let subject = &report.subject;
    let digest = subject
        .diff_sha256
        .iter()
        .map(|digest| ("diff's SHA-256", digest.clone()));
    let base = subject.base.iter().map(|base| ("base commit", base.clone()));
    let head = subject.head.iter().map(|head| ("head commit", head.clone()));
    digest.chain(base).chain(head).collect()
}

/// `0.8 s`, `2 min 5 s`.
pub fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

/// `0.00 USD of 1.50 USD`; without a limit no model may be called.
pub fn cost(report: &Report) -> String {
    let spent = show_microusd(report.cost.spent_microusd);
    if report.cost.limit_microusd == 0 {
        format!("{spent} (limit 0: no model may be called)")
    } else {
        format!("{spent} of {}", show_microusd(report.cost.limit_microusd))
    }
}

/// Time of day of a Unix time in milliseconds, UTC.
pub fn clock(at_ms: u64) -> String {
    let second = at_ms / 1_000 % 86_400;
    format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60)
}

/// Why a person is asked, as a sentence.
pub fn escalation_reason(reason: &str) -> String {
    match reason {
        "split" => "the votes are split".to_owned(),
        // Said at the deadline, and earlier when everybody who is there has voted.
        "deadline" => "not enough of the weight voted for one choice".to_owned(),
        "budget" => "the budget ended before the work".to_owned(),
        "veto" => "a critical security finding stands against the verdict".to_owned(),
        "request" => "somebody asked for a person's word".to_owned(),
        "failures" => "no agent could review it in time".to_owned(),
        "unheard" => "nobody has voted for a role that was asked".to_owned(),
        "abstained" => "too many abstained for a decision".to_owned(),
        other => other.to_owned(),
    }
}

/// The same with what the report knows of it.
pub fn escalation_why(report: &Report, reason: &str) -> String {
    let why = escalation_reason(reason);
    let tally = &report.tally;
    if reason == "abstained" && tally.abstain > 0 && tally.approve + tally.request_changes == 0 {
        // The record says which files they are; that somebody has read none of them is the usual cause.
        return match report.unread.is_empty() {
            true => "everybody who voted abstained".to_owned(),
            false => "everybody who voted abstained: nobody could read the whole change".to_owned(),
        };
    }
    if reason != "deadline" || tally.total == 0 {
        return why;
    }
    let most = tally.approve.max(tally.request_changes);
    let silent = match tally.silent {
        0 => String::new(),
        silent => format!("; {} did not vote", weight(silent)),
    };
    format!("{why}: {} of the {} needed{silent}", weight(most), weight(tally.needed))
}

/// The commands that answer a question, one for each of its options: none is pushed.
pub fn answer_commands(escalation: &EscalationLine) -> Vec<String> {
    let id = &escalation.id;
    let options = options_as_typed(&escalation.options);
    let commands = options
        .iter()
        .map(|option| format!("bzzz escalations answer {id} {option}"));
    match options.is_empty() {
        false => commands.collect(),
        // A report of a node that does not say them.
        true => vec![format!("bzzz escalations show {id}")],
    }
}

/// What stands before the command at this place of [`answer_commands`].
pub fn answer_label(at: usize) -> &'static str {
    if at == 0 { "answer with" } else { "or with" }
}

/// The options of a question as they are typed.
pub fn options_as_typed(options: &[String]) -> Vec<String> {
    let typed = options.iter().map(|o| o.trim().replace(' ', "_"));
    // Whoever opens a question names its options: a word that a shell would read otherwise stands for nothing here but its number.
    let plain = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    typed
        .enumerate()
        .map(|(at, word)| if plain(&word) { word } else { (at + 1).to_string() })
        .collect()
}

/// A word with a capital.
pub fn capital(word: &str) -> String {
    let mut chars = word.chars();
    let first = chars.next().map(|c| c.to_uppercase().collect::<String>());
    first.unwrap_or_default() + chars.as_str()
}

/// What stands over an escalation.
pub fn escalation_heading(escalation: &EscalationLine) -> &'static str {
    match escalation.answer {
        Some(_) => "People have decided",
        None => "A person has to decide",
    }
}

/// What a person needs to check the ground of a question and to see how far its answers are, in rows.
pub fn escalation_rows(escalation: &EscalationLine) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    let opener = &escalation.opened_by;
    if !opener.node.is_empty() {
        let node: String = opener.node.chars().take(8).collect();
        rows.push((
            "opened by",
            format!("{}, node {node}: why and question are its words", opener.owner),
        ));
    }
    rows.extend(escalation.record.iter().map(|line| ("on record", line.clone())));
    for owner in &escalation.owners {
        let person = owner.person.as_deref().unwrap_or_default();
        let said = match &owner.answer {
            Some(answer) => format!("{}: {answer} ({person}), weight {}", owner.owner, owner.weight),
            None => format!("{}: no answer yet, weight {}", owner.owner, owner.weight),
        };
        rows.push(("owner", said));
    }
    if !escalation.progress.is_empty() {
        rows.push(("answers", escalation.progress.clone()));
    }
    rows
}

/// A veto as a sentence.
pub fn veto(veto: &VetoLine) -> String {
    let ground = match veto.founded {
        Some(true) => "a critical security finding stands behind it",
        Some(false) => "nothing stands behind it",
        None => "the findings behind it are not here",
    };
    let state = match (veto.stands, veto.named) {
        (true, _) => "stands".to_owned(),
        (false, true) if !veto.lifted_by.is_empty() => format!("lifted by {}", veto.lifted_by.join(", ")),
        (false, _) => "does not count".to_owned(),
    };
    format!("{} of {}: {state}; {ground}", veto.agent, veto.owner)
}

/// The sum of the votes as a sentence.
pub fn tally(report: &Report) -> String {
    let tally = &report.tally;
    let parts: Vec<String> = [
        (tally.approve, "approve"),
        (tally.request_changes, "request changes"),
        (tally.abstain, "abstain"),
        (tally.silent, "silent"),
    ]
    .iter()
    .filter(|(sum, _)| *sum > 0)
    .map(|(sum, what)| format!("{} {what}", weight(*sum)))
    .collect();
    let parts = if parts.is_empty() {
        "no votes".to_owned()
    } else {
        parts.join(", ")
    };
    format!(
        "Weight: {parts}; {} of {} needed.",
        weight(tally.needed),
        weight(tally.total)
    )
}

/// A word as a shell takes it: quoted where it has to be.
pub fn shell_word(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:=@%,".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// The command that checks the certificate.
pub fn verify_command(path: &str) -> String {
    let word = shell_word(path);
    match word == path && !path.starts_with('-') {
        true => format!("bzzz verify {word}"),
        false => format!("bzzz verify -- '{}'", path.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_typed_as_a_shell_takes_them() {
        let typed = |options: &[&str]| options_as_typed(&options.iter().map(|o| (*o).to_owned()).collect::<Vec<_>>());
        assert_eq!(typed(&["approve", "request changes"]), ["approve", "request_changes"]);
        assert_eq!(typed(&["", "$(rm x)", " yes "]), ["1", "2", "yes"]);
    }

    #[test]
    fn every_reason_has_words() {
        for reason in [
            "split",
            "deadline",
            "budget",
            "veto",
            "request",
            "failures",
            "unheard",
            "abstained",
        ] {
            assert_ne!(escalation_reason(reason), reason);
        }
    }

    #[test]
    fn small_words() {
        assert_eq!(weight(1_000_000), "1");
        assert_eq!(weight(1_500_000), "1.5");
        assert_eq!(weight(333_333), "0.333333");
        assert_eq!(duration(999), "999 ms");
        assert_eq!(duration(61_500), "1 min 1 s");
        assert_eq!(place("a", 0, 0), "a");
        assert_eq!(place("a", 3, 3), "a:3");
        assert_eq!(place("a", 3, 5), "a:3-5");
        assert_eq!(clock(86_399_999), "23:59:59");
        assert_eq!(verify_command("a b"), "bzzz verify -- 'a b'");
    }
}
