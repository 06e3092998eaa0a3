//! `bzzz verify`: does a decision certificate hold, and is it about this change? It is checked here, offline; no node is asked.

use std::path::{Path, PathBuf};

use bzzz_core::body::Choice;
use bzzz_core::certificate::{Certificate, MAX_CERTIFICATE_BYTES, Verified};
use bzzz_core::change::diff_digest;
use bzzz_core::crypto::Hash;
use serde_json::json;

use super::context::{Context, short};
use super::exit::Exit;
use super::failure::{Explain, Result, fail_because};
use crate::input::git;
use crate::report::words;
use crate::settings::check;
use crate::settings::money::show_microusd;

/// Base64 needs a third more than the binary form, and line breaks and labels some more.
const MAX_FILE_BYTES: u64 = 2 * MAX_CERTIFICATE_BYTES as u64;

/// Arguments of `bzzz verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::table())]
pub struct VerifyArgs {
    /// Certificate file
    certificate: PathBuf,
    /// The project's id: without it the issuer is not pinned, and anybody could have made the certificate
    #[arg(long, value_name = "ID")]
    project: Option<String>,
    /// A diff: it has to be the one that was decided on, byte for byte
    #[arg(long, value_name = "FILE")]
    diff: Option<PathBuf>,
    /// A commit: it has to be the one that the decided change leads to. Its id, or with --repo any revision
    #[arg(long, value_name = "REV")]
    commit: Option<String>,
    /// A git repository: the diff between the certificate's commits has to be the one there
    #[arg(long, value_name = "PATH")]
    repo: Option<PathBuf>,
}

/// Fewer digits of a commit's id are found by trying.
const MIN_COMMIT_DIGITS: usize = 12;

/// Runs the command.
pub fn run(args: VerifyArgs, context: &mut Context) -> Result<Exit> {
    let project = match &args.project {
        None => None,
        Some(text) => {
            let attempt = "could not use --project";
            check::hex32(text).map_err(|because| fail_because(Exit::Usage, attempt, because, None))?;
            Hash::from_hex(text)
        }
    };
    let bytes = super::text::read_file(&args.certificate, MAX_FILE_BYTES, "certificate")?;
    let attempt = format!("could not verify {}", args.certificate.display());
    let hint = Some("do not trust the decision; ask its nodes for the certificate again");
    let text = String::from_utf8(bytes).explain(Exit::Verify, attempt.clone(), hint)?;
    let verified = Certificate::from_pem(&text)
        .and_then(|certificate| certificate.verify(project))
        .explain(Exit::Verify, attempt, hint)?;
    let compared = compare(&args, &verified)?;
    let mut details = details(&verified);
    details.extend(compared);
    let answer = json!({
        "valid": true,
        "summary": summary(&verified),
        "details": details,
        "verified": verified,
    });
    super::check::show(&answer, context)
}

/// Holds the certificate against what the caller has. Says what was compared.
fn compare(args: &VerifyArgs, verified: &Verified) -> Result<Vec<String>> {
    let mut compared = Vec::new();
    if let Some(path) = &args.diff {
        let bytes = super::text::read_file(path, bzzz_core::diff::MAX_DIFF_BYTES as u64, "diff")?;
        same_diff(&bytes, &path.display().to_string(), verified)?;
        compared.push(format!("{} is the diff that was decided on", path.display()));
    }
    if let Some(name) = &args.commit {
        let head = same_commit(name, args.repo.as_deref(), verified)?;
        compared.push(format!(
            "{name} is the commit that the change leads to ({})",
            short(head)
        ));
    }
    if let Some(repo) = &args.repo {
        let attempt = format!("could not compare with {}", repo.display());
        let (Some(base), Some(head)) = (&verified.base, &verified.head) else {
            return Err(shows_none(attempt, "commits"));
        };
        let diff = git::diff_between(repo, base, head)?;
        same_diff(diff.as_bytes(), &format!("the diff in {}", repo.display()), verified)?;
        compared.push(format!(
            "the diff between its commits in {} is the one that was decided on",
            repo.display()
        ));
    }
    Ok(compared)
}

fn same_diff(bytes: &[u8], name: &str, verified: &Verified) -> Result<()> {
    let attempt = format!("could not find {name} in the certificate");
    let Some(decided) = verified.diff_sha256 else {
        return Err(shows_none(attempt, "diff"));
    };
    let given = diff_digest(bytes);
    // Of a repository's diff bytes that are not UTF-8 were replaced before it was reviewed: the digest is of what was read.
    let read = || diff_digest(String::from_utf8_lossy(bytes).as_bytes());
    if given == decided || read() == decided {
        return Ok(());
    }
    Err(fail_because(
        Exit::Verify,
        attempt,
        format!("it has SHA-256 {given}, and the decision is about the diff with {decided}"),
        Some(
            "the certificate itself holds; compare the diff as it was reviewed, byte for byte, and not one that was made anew",
        ),
    ))
}

/// The commit that the certificate names, if `name` is it.
fn same_commit<'a>(name: &str, repo: Option<&Path>, verified: &'a Verified) -> Result<&'a str> {
    let attempt = format!("could not find the commit {name:?} in the certificate");
    let Some(head) = &verified.head else {
        return Err(shows_none(attempt, "commit"));
    };
    let given = match repo {
        Some(repo) => git::commit_of(repo, name)?,
        None => name.to_ascii_lowercase(),
    };
    if given.len() < MIN_COMMIT_DIGITS || !given.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(fail_because(
            Exit::Usage,
            attempt,
            format!(
                "without a repository a commit is told by its id, of which at least {MIN_COMMIT_DIGITS} digits are needed"
            ),
            Some("give the id, as `git rev-parse REV` prints it, or name the repository with --repo PATH"),
        ));
    }
    if head.starts_with(&given) {
        return Ok(head);
    }
    Err(fail_because(
        Exit::Verify,
        attempt,
        format!("it is {given}, and the decided change leads to {head}"),
        Some("the certificate holds, for another commit"),
    ))
}

fn shows_none(attempt: String, what: &str) -> anyhow::Error {
    let hint = "a review with --repo names its commits; a text that was erased is not shown";
    fail_because(Exit::Verify, attempt, format!("it shows no {what}"), Some(hint))
}

/// A moment in UTC, to the second.
fn date(ms: u64) -> String {
    let at = i64::try_from(ms / 1_000).ok();
    match at.and_then(|at| time::OffsetDateTime::from_unix_timestamp(at).ok()) {
        Some(at) => format!("{} {} UTC", at.date(), words::clock(ms)),
        None => format!("{ms} ms after 1970"),
    }
}

fn summary(verified: &Verified) -> &'static str {
    if verified.pinned {
        "valid, issued by the project that was named"
    } else {
        "valid, issuer not pinned (name the project with --project ID)"
    }
}

fn details(verified: &Verified) -> Vec<String> {
    let outcome = match verified.choice {
        Choice::Approve => "approved",
        Choice::RequestChanges => "changes requested",
        Choice::Abstain => "abstained",
    };
    let basis = if verified.consensus {
        "a consensus of several nodes with models"
    } else {
        "a report by the published severity rule, not a consensus"
    };
    let mut out = vec![
        format!("{outcome}: {basis}"),
        format!(
            "weight {} of {}, from {}, {} and {}",
            words::weight(verified.weight),
            words::weight(verified.total),
            words::count(verified.nodes.into(), "node"),
            words::count(verified.owners.into(), "owner"),
            match verified.model_families {
                1 => "1 model family".to_owned(),
                n => format!("{n} model families"),
            }
        ),
        format!(
            "project {} ({}), epoch {}",
            verified.project_name, verified.project, verified.epoch
        ),
        format!("thread {}", verified.thread),
        match (&verified.diff_sha256, &verified.base, &verified.head) {
            (Some(diff), Some(base), Some(head)) => {
                format!("the diff with SHA-256 {diff}, from commit {base} to {head}")
            }
            (Some(diff), ..) => format!("the diff with SHA-256 {diff} (no commit is named)"),
            (None, ..) => format!(
                "a change that is not shown: only members can tell it by its salted hash {}",
                verified.subject
            ),
        },
        format!(
            "opened {}, put to the vote {} (by its authors' clocks)",
            date(verified.opened_ms),
            date(verified.proposed_ms)
        ),
        format!("spent {}", show_microusd(verified.spent_microusd)),
    ];
    for veto in &verified.vetoes {
        let who = veto.id.as_deref().unwrap_or("an agent that is not on the panel");
        let state = match (veto.lifted, &veto.lifted_by[..]) {
            (true, by) => format!("lifted by {}", by.join(", ")),
            (false, []) => "not lifted".to_owned(),
            (false, by) => format!("lifted by {} only, with too little weight", by.join(", ")),
        };
        out.push(format!(
            "veto of {who}{}: {state}",
            match &veto.owner {
                Some(owner) => format!(" of {owner}"),
                None => String::new(),
            }
        ));
    }
    for voter in &verified.voters {
        let choice = match voter.choice {
            Some(Choice::Approve) => "approve",
            Some(Choice::RequestChanges) => "request changes",
            Some(Choice::Abstain) => "abstain",
            None => "silent",
        };
        out.push(format!(
            "{} ({}): {choice}, weight {}, node {} of {}, {}",
            voter.id,
            voter.role,
            words::weight(voter.weight),
            short(&voter.node.to_string()),
            if voter.seat {
                voter.owner.as_str()
            } else {
                "nobody (no seat in the roster, so no weight)"
            },
            voter.model.as_deref().unwrap_or("analysers only")
        ));
    }
    out
}
