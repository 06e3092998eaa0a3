//! `bzzz verify`: does a decision certificate hold? Also how answers of the other checks are shown.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::context::{Context, view};
use super::exit::Exit;
use super::failure::{Explain, Result, fail_because};
use crate::client::wire::CheckAnswer;
use crate::settings::check;
use crate::term::wrap::wrap;
use crate::term::{Ink, Screen, clean};

/// Largest certificate: thousands of voters stay below it.
const MAX_CERTIFICATE_BYTES: u64 = 16 << 20;

/// Arguments of `bzzz verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::table())]
pub struct VerifyArgs {
    /// Certificate file
    certificate: PathBuf,
    /// Follow the roster chain from this project's genesis; without it the issuer is not pinned
    #[arg(long, value_name = "ID")]
    project: Option<String>,
}

/// Runs the command.
pub fn run(args: VerifyArgs, context: &mut Context) -> Result<Exit> {
    if let Some(project) = &args.project {
        check::hex32(project).map_err(|because| fail_because(Exit::Usage, "could not use --project", because, None))?;
    }
    let bytes = super::text::read_file(&args.certificate, MAX_CERTIFICATE_BYTES, "certificate")?;
    let attempt = format!("could not read the certificate {}", args.certificate.display());
    let hint = Some("give the file that `bzzz review --certificate FILE` wrote");
    let text = String::from_utf8(bytes).explain(Exit::Verify, attempt.clone(), hint)?;
    serde_json::from_str::<serde::de::IgnoredAny>(&text).explain(Exit::Verify, attempt, hint)?;
    let body = json!({ "certificate": text, "project": args.project });
    let answer = context
        .client()?
        .post("verify", &body, "could not check the certificate")?;
    show(&answer, context)
}

/// Shows the answer of a check; it decides the exit status.
pub fn show(answer: &Value, context: &mut Context) -> Result<Exit> {
    let check: CheckAnswer = view(answer);
    context.show(answer, |screen| draw(screen, &check))?;
    Ok(if check.valid { Exit::Ok } else { Exit::Verify })
}

fn draw(screen: Screen, check: &CheckAnswer) -> String {
    let (ink, word) = if check.valid {
        (Ink::Good, "valid")
    } else {
        (Ink::Worst, "not valid")
    };
    let summary = clean::line(&check.summary);
    let rest = summary
        .strip_prefix(word)
        .unwrap_or(&summary)
        .trim_start_matches([',', ':', ' ']);
    let mut out = screen.paint.ink(ink, word);
    if !rest.is_empty() {
        out.push_str(&format!(": {rest}"));
    }
    out.push('\n');
    for detail in &check.details {
        for (at, line) in wrap(&clean::line(detail), screen.columns.saturating_sub(4))
            .iter()
            .enumerate()
        {
            out.push_str(&format!("  {} {line}\n", if at == 0 { "-" } else { " " }));
        }
    }
    out
}
