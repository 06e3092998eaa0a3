//! `bzzz verify`: does a decision certificate hold? It is checked here, offline; no node is asked.

use std::path::PathBuf;

use bzzz_core::body::Choice;
use bzzz_core::certificate::{Certificate, MAX_CERTIFICATE_BYTES, Verified};
use bzzz_core::crypto::Hash;
use serde_json::json;

use super::context::{Context, short};
use super::exit::Exit;
use super::failure::{Explain, Result, fail_because};
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
}

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
    let answer = json!({
        "valid": true,
        "summary": summary(&verified),
        "details": details(&verified),
        "verified": verified,
    });
    super::check::show(&answer, context)
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
        format!("subject {}", verified.subject),
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
