//! `bzzz erase`: takes texts away from this node, such as a diff with a secret in it. The signed record stays, and verifies.

use serde_json::{Value, json};

use super::confirm::confirmed;
use super::context::{Context, short};
use super::exit::Exit;
use super::failure::{Explain, Result, fail_because};
use crate::offline;
use crate::report::words;
use crate::settings::Settings;
use crate::term::out::note;
use crate::web::ids;

const ATTEMPT: &str = "could not erase the texts";
/// What erasing does not do.
const ELSEWHERE: &str =
    "other members, backups made before, and reports and certificates that were written to files still have theirs\n";

/// Arguments of `bzzz erase`.
#[derive(Debug, clap::Args)]
pub struct EraseArgs {
    /// Thread whose texts are erased: its change, title, messages, findings and reasons
    #[arg(conflicts_with = "hash")]
    thread: Option<String>,
    /// Erase one text by its hash instead, as `bzzz log verify` and the record name it
    #[arg(long, value_name = "HASH")]
    hash: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// Runs the command.
pub fn run(args: EraseArgs, context: &mut Context) -> Result<Exit> {
    let (what, given) = match (&args.thread, &args.hash) {
        (Some(thread), _) => ("thread", thread),
        (None, Some(hash)) => ("text", hash),
        (None, None) => {
            let because = "neither a thread nor --hash is given";
            return Err(fail_because(
                Exit::Usage,
                ATTEMPT,
                because,
                Some("see `bzzz erase --help`"),
            ));
        }
    };
    if !args.yes {
        let question = || {
            Ok(match what {
                "thread" => format!("erase all texts of the thread {given} from this node, for good?"),
                _ => format!("erase the text {given} from this node, for good?"),
            })
        };
        if !confirmed(ATTEMPT, "what is erased does not come back; add --yes", question)? {
            note("nothing was erased\n");
            return Ok(Exit::No);
        }
    }
    let stopped = match context.global.node.is_empty() {
        true => stopped(&context.settings()?, what, given)?,
        false => None,
    };
    let answer = match stopped {
        Some(answer) => answer,
        None => context.client()?.post_long("erase", &json!({ what: given }), ATTEMPT)?,
    };
    context.show(&answer, |_| told(&answer))?;
    Ok(Exit::Ok)
}

fn told(answer: &Value) -> String {
    let number = |name: &str| answer[name].as_u64().unwrap_or(0);
    let mut out = format!(
        "erased {} ({} bytes) of {}\n",
        words::count(number("erased"), "text"),
        number("bytes"),
        match answer["thread"].as_str() {
            Some(thread) => format!("thread {}", short(thread)),
            None => format!("hash {}", short(answer["text"].as_str().unwrap_or(""))),
        }
    );
    for (name, what) in [
        ("already", "erased before"),
        ("absent", "not here; not fetched any more"),
    ] {
        if number(name) > 0 {
            out.push_str(&format!("{}: {what}\n", words::count(number(name), "text")));
        }
    }
    out.push_str(ELSEWHERE);
    out
}

/// The answer, when no node has the folder open.
fn stopped(settings: &Settings, what: &str, given: &str) -> Result<Option<Value>> {
    let Some(store) = offline::open(settings, ATTEMPT)? else {
        return Ok(None);
    };
    offline::with(store, ATTEMPT, |store| async move {
        let failed = |error| offline::explain(&error, ATTEMPT);
        let texts = bzzz_node::erase::texts(&store).await.map_err(failed)?;
        let chosen = ids::erasable(&texts, what, given).map_err(|refusal| {
            let (because, hint) = (refusal.fault.error, refusal.fault.hint);
            fail_because(Exit::Usage, ATTEMPT, because, hint.as_deref())
        })?;
        let done = bzzz_node::erase::erase(&store, &chosen.texts).await.map_err(failed)?;
        chosen.answer(done).explain(Exit::Local, ATTEMPT, None)
    })
    .map(Some)
}
