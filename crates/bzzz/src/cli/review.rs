//! `bzzz review`: the main job. Reads a change, has it reviewed, shows the report; the exit status says the verdict.

use std::path::{Path, PathBuf};

use super::context::Context;
use super::exit::Exit;
use super::failure::{Explained, Result, fail, fail_because};
use crate::client::place::{ATTEMPT, Place};
use crate::client::trail::Trail;
use crate::client::wire::ReviewRequest;
use crate::client::{find, following};
use crate::input::{Change, file, git};
use crate::progress::{Display, Mode, ProgressEvent};
use crate::report::{self, FailOn, Format};
use crate::settings::typed::severity;
use crate::settings::value::Value;
use crate::settings::{self, Settings, check};
use crate::term::{Screen, Stream};
use bzzz_core::report::Report;

/// The word of `--fail-on` for files that nobody has read.
const UNREAD: &str = "unread";
/// All that `--fail-on` takes.
const FAIL_ON: [&str; 5] = ["critical", "high", "medium", "low", UNREAD];

/// Arguments of `bzzz review`.
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::table())]
pub struct ReviewArgs {
    /// File with a unified diff; `-` reads standard input
    #[arg(value_name = "DIFF", conflicts_with = "repo")]
    diff: Option<PathBuf>,
    /// Follow a review that is open, or over, instead of opening one
    #[arg(long, value_name = "THREAD", conflicts_with_all = ["diff", "repo", "deadline", "roles"])]
    follow: Option<String>,
    /// Review a git repository instead
    #[arg(long, value_name = "PATH")]
    repo: Option<PathBuf>,
    /// Compare with the merge base of this revision [default: origin/HEAD, main or master]
    #[arg(long, value_name = "REV", requires = "repo")]
    base: Option<String>,
    /// Revision to review [default: HEAD]
    #[arg(long, value_name = "REV", requires = "repo")]
    head: Option<String>,
    /// How the report is written [default: text; json with --json]
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Write the report to a file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Exit with status 1 from this severity on, whatever the verdict; `unread`: also when nobody has read a changed file
    #[arg(long, value_name = "WHAT", value_parser = FAIL_ON, value_delimiter = ',')]
    fail_on: Vec<String>,
    /// Write the decision certificate to a file [default: certificates/ in the data folder]
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// Seconds until a person is asked
    #[arg(long, value_name = "SECONDS")]
    deadline: Option<i64>,
    /// Roles to ask, by commas [default: all that are there]
    #[arg(long, value_name = "ROLE", value_delimiter = ',')]
    roles: Vec<String>,
    /// How progress is shown on standard error
    #[arg(long, value_name = "MODE", default_value = "auto")]
    progress: Mode,
}

/// Runs the command.
pub fn run(args: ReviewArgs, context: &mut Context) -> Result<Exit> {
    let settings = settings(&args, context)?;
    check_roles(&args.roles)?;
    for path in args.output.iter().chain(&args.certificate) {
        super::text::check_writable(path)?;
    }
    let (request, warnings) = match args.follow {
        Some(_) => (None, vec![]),
        None => {
            let change = read_change(&args)?;
            let request = ReviewRequest {
                change: change.set,
                roles: args.roles.clone(),
                deadline_s: settings.review.deadline_s,
            };
            (Some(request), change.warnings)
        }
    };
    let format = args.format.unwrap_or(if context.global.json {
        Format::Json
    } else {
        Format::Text
    });
    let mut display = Display::new(args.progress, context.global.json, context.global.color);
    for text in warnings {
        display.show(&ProgressEvent::Warning { text });
    }
    let mut place = place(&args, &settings, context)?;
    let trail = Trail::new(&settings.data, args.follow.clone());
    let paint = Screen::of(Stream::Err, context.global.color).paint;
    trail.end_on_signals(ATTEMPT, context.global.json, paint);
    let outcome = following::run(&mut place, &trail, request.as_ref(), &mut display);
    display.finish();
    let outcome = outcome?;
    trail.over();
    show(&args, &settings, format, outcome, context).map_err(|error| lost(error, &trail))
}

/// The review is over, and its report could not be written.
fn lost(error: anyhow::Error, trail: &Trail) -> anyhow::Error {
    let explained = error.downcast_ref::<Explained>();
    let (exit, hint) = explained.map_or((Exit::Local, None), |e| (e.exit, e.hint.clone()));
    let again = trail.follow_command().unwrap_or_default();
    let hint = match hint {
        Some(hint) => format!("{hint}; then: {again}"),
        None => again,
    };
    error.context(Explained {
        what: "the review is over, and its result could not be kept".to_owned(),
        hint: Some(hint),
        exit,
    })
}

/// Keeps the certificate, writes the report; the exit status says the verdict.
fn show(
    args: &ReviewArgs,
    settings: &Settings,
    format: Format,
    (mut report, certificate): following::Outcome,
    context: &mut Context,
) -> Result<Exit> {
    report.certificate = match certificate {
        Some(text) => Some(keep_certificate(args, settings, &report, &text)?),
        None => None,
    };
    let screen = if args.output.is_some() {
        Screen::plain(context.screen.columns)
    } else {
        context.screen
    };
    let text = report::render(&report, format, screen)?;
    match &args.output {
        Some(path) => super::text::write_file(path, text.as_bytes())?,
        None => context.out.text(&text)?,
    }
    context.out.flush()?;
    let fail_on = FailOn {
        severity: settings.review.fail_on,
        unread: args.fail_on.iter().any(|word| word == UNREAD),
    };
    Ok(report::exit(&report, fail_on))
}

/// Where the review runs: at the nodes that `--node` names, or on the data folder.
fn place(args: &ReviewArgs, settings: &Settings, context: &Context) -> Result<Place> {
    if !context.global.node.is_empty() {
        return Place::named(&context.global.node);
    }
    super::logging::init(&settings.log, context.global.verbose, super::logging::Purpose::Command);
    // To start a node in an empty folder would help nobody who looks for a review.
    let kept = crate::offline::folder(settings).is_none_or(|folder| folder.join(bzzz_store::DATABASE_FILE).is_file());
    if args.follow.is_some() && !kept && find::running(&settings.data)?.is_none() {
        return Err(fail_because(
            Exit::Usage,
            "could not follow the review",
            format!("no node has run on {} yet", settings.data.display()),
            Some("name its data folder with --data DIR, or a node that knows the review with --node ADDRESS"),
        ));
    }
    Ok(Place::folder(settings))
}

fn settings(args: &ReviewArgs, context: &Context) -> Result<Settings> {
    let mut flags = context.flags();
    if let Some(seconds) = args.deadline {
        flags
            .others
            .push(("review.deadline_s", "--deadline", Value::Integer(seconds)));
    }
    let mut settings = settings::load(&flags)?;
    // Of several severities the least is meant. `unread` stands beside what the settings say.
    if let Some(least) = args.fail_on.iter().filter_map(|word| severity(word)).min() {
        settings.review.fail_on = Some(least);
    }
    Ok(settings)
}

/// Roles may be anybody's own: whether there are agents of them is for the node to say.
fn check_roles(roles: &[String]) -> Result<()> {
    for role in roles {
        check::name(role).map_err(|because| fail(Exit::Usage, format!("could not use --roles: {because}"), None))?;
    }
    Ok(())
}

fn read_change(args: &ReviewArgs) -> Result<Change> {
    match (&args.diff, &args.repo) {
        (_, Some(repo)) => git::from_repository(repo, args.base.as_deref(), args.head.as_deref()),
        (Some(path), None) if path == Path::new("-") => file::from_stdin(),
        (Some(path), None) => file::from_file(path),
        (None, None) => Err(fail(
            Exit::Usage,
            "could not tell what to review",
            Some(
                "name a diff file, `-` for standard input, a repository with --repo PATH, or an open review with --follow THREAD",
            ),
        )),
    }
}

/// Writes the certificate and gives its path.
fn keep_certificate(args: &ReviewArgs, settings: &Settings, report: &Report, text: &str) -> Result<String> {
    let path = match &args.certificate {
        Some(path) => path.clone(),
        None => {
            let folder = settings.data.join("certificates");
            super::text::private_folder(&settings.data)?;
            super::text::private_folder(&folder)?;
            folder.join(format!("{}.pem", certificate_name(&report.thread)))
        }
    };
    super::text::write_file(&path, text.as_bytes())?;
    Ok(path.display().to_string())
}

/// The last part of the thread's address, without anything that could leave the folder: the address comes from a node.
fn certificate_name(thread: &str) -> String {
    let last = thread.rsplit('/').next().unwrap_or_default();
    let name: String = last
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_')
        .take(64)
        .collect();
    if name.is_empty() { "review".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_cannot_name_a_file_elsewhere() {
        assert_eq!(certificate_name("bzzz://*:*@p:t/thread/9b1c"), "9b1c");
        assert_eq!(certificate_name("x/../../etc/..passwd\0"), "passwd");
        assert_eq!(certificate_name("x/.."), "review");
    }
}
