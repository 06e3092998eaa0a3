//! From the request to the report: opens a review, or takes up one that is open, and follows it from node to node.

use bzzz_core::report::Report;

use super::http::{Http, Stream, Unanswered, fault_to_error, segment};
use super::place::{ATTEMPT, Gone, Place};
use super::stream::{Lines, Lost};
use super::trail::Trail;
use super::wire::{ReviewLine, ReviewRequest, code};
use crate::cli::exit::Exit;
use crate::cli::failure::{Result, fail};
use crate::progress::{Display, ProgressEvent};

/// What a review came to, and the text of its certificate.
pub type Outcome = (Report, Option<String>);

/// Nodes that one command goes through: far more than ever die in one review, and an end to one that starts and dies for ever.
const MAX_MOVES: usize = 1_000;

enum End {
    Failed(anyhow::Error),
    Gone(Gone),
}

/// Has a change reviewed, or follows the review whose thread `trail` knows, until its report is there.
pub fn run(
    place: &mut Place,
    trail: &Trail,
    request: Option<&ReviewRequest>,
    display: &mut Display,
) -> Result<Outcome> {
    let mut client = place.enter(trail, display)?;
    let mut moves = 0;
    loop {
        let end = ask(&client, trail, request, display);
        // A signal may have ended the node on purpose.
        trail.rest_if_ending();
        match end {
            Ok(outcome) => return Ok(outcome),
            Err(End::Failed(error)) => return Err(error),
            Err(End::Gone(gone)) if moves >= MAX_MOVES => return Err(gone.error),
            Err(End::Gone(gone)) => {
                moves += 1;
                client = place.next(gone, trail, display)?;
            }
        }
    }
}

/// One node, until the report or until it goes away.
fn ask(
    client: &Http,
    trail: &Trail,
    request: Option<&ReviewRequest>,
    display: &mut Display,
) -> std::result::Result<Outcome, End> {
    let mut told = false;
    let gone = |error, told| {
        End::Gone(Gone {
            error,
            told,
            unclear: true,
            unknown: false,
        })
    };
    let mut lines = Lines::new(open(client, trail, request)?, ATTEMPT);
    loop {
        match lines.next_value::<ReviewLine>() {
            Ok(Some(ReviewLine::Progress { event })) => {
                told = true;
                show(&event, trail, display);
            }
            Ok(Some(ReviewLine::Report { report, certificate })) => return Ok((*report, certificate)),
            Ok(Some(ReviewLine::Error { fault })) => {
                let stops = fault.code.as_deref() == Some(code::STOPPING);
                let error = fault_to_error(fault, 500, ATTEMPT);
                return Err(if stops { gone(error, told) } else { End::Failed(error) });
            }
            Ok(None) => {
                let hint = "the thread is kept: look at it with `bzzz thread list` when the node runs again";
                let error = fail(
                    Exit::Node,
                    format!("{ATTEMPT}: the node stopped before the end"),
                    Some(hint),
                );
                return Err(gone(error, told));
            }
            Err(Lost::Gone(error)) => return Err(gone(error, told)),
            Err(Lost::Strange(error)) => return Err(End::Failed(error)),
        }
    }
}

fn open(client: &Http, trail: &Trail, request: Option<&ReviewRequest>) -> std::result::Result<Stream, End> {
    let answer = match (trail.thread(), request) {
        (Some(thread), _) => client.get_stream(&format!("threads/{}/follow", segment(&thread)), ATTEMPT),
        (None, Some(request)) => {
            trail.asks();
            client.post_stream("reviews", request, ATTEMPT)
        }
        (None, None) => return Err(End::Failed(fail(Exit::Usage, "could not tell what to review", None))),
    };
    answer.map_err(|unanswered| {
        let unknown =
            matches!(&unanswered, Unanswered::Refused(_, fault) if fault.code.as_deref() == Some(code::NOT_FOUND));
        let known = |word: &str| matches!(word, code::STOPPING | code::NOT_FOUND);
        let unclear = match &unanswered {
            Unanswered::Refused(_, fault) if !fault.code.as_deref().is_some_and(known) => {
                return End::Failed(unanswered.into_error());
            }
            Unanswered::Broken(_) => true,
            Unanswered::Absent(_) | Unanswered::Refused(..) => false,
        };
        End::Gone(Gone {
            error: unanswered.into_error(),
            told: false,
            unclear,
            unknown,
        })
    })
}

fn show(event: &ProgressEvent, trail: &Trail, display: &mut Display) {
    if let ProgressEvent::Opened { thread, .. } = event
        && !trail.opened(thread)
    {
        return;
    }
    display.show(event);
}
