//! Reports for the renderers' tests: a rich one, one without findings, and one that attacks its reader.

use bzzz_core::finding::{Finding, MASK, Severity};
use bzzz_core::reading::Unread;
use bzzz_core::report::{
    Basis, CostLine, EscalationLine, MessageLine, Opener, OwnerLine, Participant, REPORT_VERSION, Report,
    ReportedFinding, Subject, Tally, Verdict, VetoLine, VoteLine,
};

const START_MS: u64 = 1_795_000_000_000;

/// No model, one node, two dissents, a missing role.
pub fn rich() -> Report {
    let agents = [
        ("architect-1", "architect", 1),
        ("reviewer-1", "reviewer", 2),
        ("security-1", "security", 2),
        ("documentation-1", "documentation", 1),
    ];
    Report {
        version: REPORT_VERSION,
        thread: "bzzz://*:*@default:review-7f3a/thread/9b1c0a55".into(),
        project: "c0ffee".repeat(10) + "c0ff",
        subject: Subject {
            title: "examples/payments.diff".into(),
            hash: "ab".repeat(32),
            files: 3,
            added: 120,
            removed: 14,
            diff_sha256: Some("d1ff".repeat(16)),
            base: Some("ba5e".repeat(10)),
            head: Some("4ead".repeat(10)),
        },
        verdict: Verdict::RequestChanges,
        basis: Basis::SeverityRule,
        notes: vec![
            "No model took part: the findings come from analysers over the syntax trees alone.".into(),
            "All voters sit on one node, so this is a report and not a consensus.".into(),
        ],
        unread: Vec::new(),
        findings: vec![
            finding(
                "security/sql-injection",
                Severity::Critical,
                "src/db/payments.py",
                (42, 44),
                Some(89),
                "query = (\n    \"SELECT * FROM payments WHERE owner = '\" + owner + \"'\"\n)",
                "SQL text is built from a parameter",
                "Whoever controls `owner` can read and change every row of the table, because the value becomes part of the statement.",
                "Pass the value as a parameter: cursor.execute(\"... WHERE owner = %s\", (owner,)).",
            ),
            finding(
                "security/hard-coded-secret",
                Severity::High,
                "deploy/settings.py",
                (7, 7),
                Some(798),
                &format!("API_KEY = \"sk_live_{MASK}\""),
                "A secret stands in the source",
                "Everybody who can read the repository can use it, and it stays in the history.",
                "Revoke the key, read it from the environment, and remove it from the history.",
            ),
            finding(
                "performance/query-in-loop",
                Severity::Medium,
                "src/db/payments.py",
                (61, 63),
                None,
                "for row in rows:\n    user = users.get(id=row.user_id)\n    total += user.rate",
                "A query runs once for each row",
                "A thousand rows are a thousand round trips.",
                "Fetch all users with one query before the loop.",
            ),
            finding(
                "documentation/missing-docstring",
                Severity::Low,
                "src/db/payments.py",
                (38, 38),
                None,
                "def payments_of(owner):",
                "A public function has no docstring",
                "Its callers cannot know what it returns.",
                "Say what it returns and what it raises.",
            ),
            finding(
                "architect/layering",
                Severity::Low,
                "src/web/views.py",
                (0, 0),
                None,
                "",
                "The web layer imports the database layer",
                "The declared layering says web, service, db.",
                "Go through the service layer.",
            ),
        ],
        participants: agents
            .iter()
            .map(|(agent, role, findings)| Participant {
                agent: (*agent).into(),
                role: (*role).into(),
                node: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
                owner: "local".into(),
                model: None,
                findings: *findings,
            })
            .collect(),
        missing: vec!["performance".into()],
        votes: vec![
            vote(
                "architect-1",
                "architect",
                "request_changes",
                "request_changes",
                false,
                "The layering breach alone would not stop it.",
            ),
            vote(
                "reviewer-1",
                "reviewer",
                "approve",
                "request_changes",
                false,
                "Changed after the evidence on the query.",
            ),
            vote(
                "security-1",
                "security",
                "request_changes",
                "request_changes",
                false,
                "One critical finding with its line quoted.",
            ),
            vote(
                "documentation-1",
                "documentation",
                "approve",
                "approve",
                true,
                "Documentation is complete enough for me.",
            ),
            VoteLine {
                agent: "performance-1".into(),
                role: "performance".into(),
                weight: 1_000_000,
                first: None,
                last: None,
                dissent: false,
                reason: String::new(),
            },
        ],
        messages: vec![
            message(
                0,
                "security-1",
                "security",
                "proposal",
                "Request changes: 1 critical, 1 high finding.",
            ),
            message(
                1_250,
                "reviewer-1",
                "reviewer",
                "question",
                "Can `owner` come from outside?",
            ),
            message(
                2_000,
                "security-1",
                "security",
                "evidence",
                "views.py passes request.args[\"owner\"] through.\nNo check stands between.",
            ),
            message(2_400, "documentation-1", "documentation", "objection", ""),
            message(3_100, "reviewer-1", "reviewer", "agreement", "Then I agree."),
        ],
        tally: Tally {
            total: 5_000_000,
            needed: 3_333_334,
            approve: 1_000_000,
            request_changes: 3_000_000,
            abstain: 0,
            silent: 1_000_000,
            nodes: 1,
            owners: 1,
            model_families: 0,
        },
        vetoes: vec![],
        escalation: None,
        cost: CostLine::default(),
        time_ms: 3_420,
        certificate: Some("/home/ada/.local/share/bzzz/certificates/9b1c0a55.json".into()),
    }
}

/// An approval by consensus without findings.
pub fn empty() -> Report {
    Report {
        verdict: Verdict::Approve,
        basis: Basis::Consensus,
        notes: Vec::new(),
        unread: Vec::new(),
        findings: Vec::new(),
        missing: Vec::new(),
        messages: Vec::new(),
        participants: rich()
            .participants
            .into_iter()
            .take(1)
            .map(|who| Participant {
                model: Some("gpt-4o".into()),
                findings: 0,
                ..who
            })
            .collect(),
        votes: vec![vote("architect-1", "architect", "approve", "approve", false, "")],
        tally: Tally {
            total: 1_000_000,
            needed: 666_667,
            approve: 1_000_000,
            nodes: 3,
            owners: 2,
            model_families: 1,
            ..Tally::default()
        },
        cost: CostLine {
            spent_microusd: 12_345,
            limit_microusd: 500_000,
        },
        time_ms: 61_000,
        certificate: None,
        ..rich()
    }
}

/// Text that attacks terminals, Markdown, HTML and JSON viewers, in an escalated review.
pub fn hostile() -> Report {
    let evil = "\u{1b}[2J\u{1b}]0;owned\u{7}</script><img src=x onerror=alert(1)> ```` `x` | @everyone #1 [a](javascript:b) \u{202e}txt.exe\u{2066} \u{9b}31m & \"q\" 'p' \r\n## heading \u{7f}\0\u{feff}";
    let mut report = rich();
    let mut bad = finding(
        "security/\u{1b}[31mevil",
        Severity::Critical,
        "a b/\u{202e}x`</td>%23.py",
        (1, 2),
        Some(94),
        &format!("{evil}\n/close\n```\n{evil}"),
        evil,
        evil,
        evil,
    );
    bad.raised_by = vec![evil.into()];
    report.findings = vec![bad];
    report.subject.title = evil.into();
    report.verdict = Verdict::Escalated;
    report.notes = vec![evil.into()];
    report.unread = vec![Unread {
        file: evil.into(),
        why: evil.into(),
    }];
    report.missing = vec![evil.into()];
    report.votes = vec![vote(evil, evil, evil, "approve", true, evil)];
    report.messages = vec![message(0, evil, evil, evil, evil)];
    report.participants.truncate(1);
    for who in &mut report.participants {
        (who.agent, who.owner, who.node, who.model) = (evil.into(), evil.into(), evil.into(), Some(evil.into()));
    }
    report.escalation = Some(EscalationLine {
        id: evil.into(),
        reason: evil.into(),
        question: evil.into(),
        options: vec![evil.into(), "request changes".into()],
        answer: None,
        opened_by: Opener {
            node: evil.into(),
            owner: evil.into(),
        },
        record: vec![evil.into()],
        rule: "majority".into(),
        owners: vec![OwnerLine {
            owner: evil.into(),
            weight: 1,
            answer: Some(evil.into()),
            person: Some(evil.into()),
            operator: None,
            at_ms: None,
        }],
        progress: evil.into(),
    });
    report.vetoes = vec![VetoLine {
        agent: evil.into(),
        node: evil.into(),
        owner: evil.into(),
        founded: None,
        named: true,
        lifted_by: vec![evil.into()],
        stands: true,
    }];
    report.certificate = Some(format!("/tmp/{evil}"));
    report.thread = evil.into();
    report.project = evil.into();
    report.subject.hash = evil.into();
    report.subject.head = Some(evil.into());
    report
}

/// An escalation without an attack.
pub fn escalated() -> Report {
    Report {
        verdict: Verdict::Escalated,
        escalation: Some(EscalationLine {
            id: "5e1f".into(),
            reason: "split".into(),
            question: "Two agents want the change mended, two want it to land. May it land?".into(),
            options: bzzz_core::body::REVIEW_OPTIONS.map(str::to_owned).into(),
            answer: None,
            opened_by: Opener {
                node: "8a88e3dd7409f195".into(),
                owner: "ann".into(),
            },
            record: vec!["no veto was raised".into()],
            rule: "majority".into(),
            owners: ["ann", "bob", "cat"]
                .map(|owner| OwnerLine {
                    owner: owner.into(),
                    weight: 1,
                    answer: (owner == "bob").then(|| "approve".into()),
                    person: (owner == "bob").then(|| "Bob".into()),
                    ..OwnerLine::default()
                })
                .into(),
            progress: "recorded; 1 of 3 owners so far; 1 of 3 weight more has to choose \"approve\"".into(),
        }),
        certificate: None,
        ..rich()
    }
}

#[allow(clippy::too_many_arguments, reason = "a fixture reads best as one row")]
fn finding(
    rule: &str,
    severity: Severity,
    file: &str,
    lines: (u32, u32),
    cwe: Option<u32>,
    quote: &str,
    title: &str,
    why: &str,
    fix: &str,
) -> ReportedFinding {
    let role = rule.split('/').next().unwrap_or_default();
    ReportedFinding {
        finding: Finding {
            rule: rule.into(),
            role: role.into(),
            severity,
            file: file.into(),
            line: lines.0,
            end_line: lines.1,
            quote: quote.into(),
            title: title.into(),
            why: why.into(),
            fix: fix.into(),
            cwe,
        },
        raised_by: vec![format!("{role}-1"), "reviewer-1".into()],
    }
}

fn vote(agent: &str, role: &str, first: &str, last: &str, dissent: bool, reason: &str) -> VoteLine {
    VoteLine {
        agent: agent.into(),
        role: role.into(),
        weight: 1_000_000,
        first: Some(first.into()),
        last: Some(last.into()),
        dissent,
        reason: reason.into(),
    }
}

fn message(after_ms: u64, from: &str, role: &str, kind: &str, text: &str) -> MessageLine {
    MessageLine {
        from: from.into(),
        role: role.into(),
        kind: kind.into(),
        text: text.into(),
        at_ms: START_MS + after_ms,
    }
}
