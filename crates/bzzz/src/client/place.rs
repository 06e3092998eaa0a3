//! Where a review runs, and where it goes on when that node goes away.
//!
//! With `--node`: at the first named node that answers, later at the next one that knows the thread. Without: at the node
//! on the data folder, or at one that lives as long as this command. Several commands may share one folder: the first
//! one's node serves the others, and when it ends, one of them starts its own on the freed folder. The state is on the disk,
//! so a review goes on where it stood.

use std::time::{Duration, Instant};

use super::embedded::{Embedded, is_in_use};
use super::http::Http;
use super::trail::{At, Trail};
use super::{find, wire};
use crate::cli::exit::Exit;
use crate::cli::failure::{Result, fail_because};
use crate::progress::{Display, ProgressEvent};
use crate::settings::Settings;

/// How long a node that starts or stops on the data folder is waited for.
const FOLDER_PATIENCE: Duration = Duration::from_secs(30);
/// How long the named nodes are asked in turn for a thread that is on its way to them, and a node of `bzzz up` is waited for.
const NODES_PATIENCE: Duration = Duration::from_secs(20);
/// After this time the person is told what is waited for.
const SAY_AFTER: Duration = Duration::from_secs(1);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// What a failure of the whole is called.
pub const ATTEMPT: &str = "could not review the change";

/// How a node went away.
#[derive(Debug)]
pub struct Gone {
    /// Why, ready to be shown.
    pub error: anyhow::Error,
    /// Whether it told anything of the review before.
    pub told: bool,
    /// Whether nobody knows if it began something.
    pub unclear: bool,
    /// Whether it is there, and has said that it knows no such thread.
    pub unknown: bool,
}

/// See the module.
pub enum Place {
    /// Nodes that the person named.
    Named(Named),
    /// The data folder.
    Folder(Box<Folder>),
}

/// The named nodes, asked in their order.
pub struct Named {
    nodes: Vec<(String, Http)>,
    at: usize,
    /// Nodes that were left since one told something.
    left: usize,
    since: Option<Instant>,
    told: bool,
    /// Why each of them was left before one told something; as many as there are nodes.
    reasons: Vec<String>,
}

/// The data folder and the node on it.
pub struct Folder {
    settings: Settings,
    embedded: Option<Embedded>,
    host: Option<wire::Status>,
}

impl Place {
    /// At the nodes that were named. At least one must be.
    pub fn named(names: &[String]) -> Result<Self> {
        let mut nodes = Vec::new();
        for name in names {
            nodes.push((name.clone(), find::named(name)?));
        }
        Ok(Self::Named(Named {
            nodes,
            at: 0,
            left: 0,
            since: None,
            told: false,
            reasons: Vec::new(),
        }))
    }

    /// On the data folder of `settings`.
    pub fn folder(settings: &Settings) -> Self {
        let mut own = settings.clone();
        // For one review nobody else has to reach this node.
        own.p2p.listen = vec!["/ip4/127.0.0.1/tcp/0".to_owned()];
        own.p2p.mdns = false;
        own.http_listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        Self::Folder(Box::new(Folder {
            settings: own,
            embedded: None,
            host: None,
        }))
    }

    /// The node to ask first.
    pub fn enter(&mut self, trail: &Trail, display: &mut Display) -> Result<Http> {
        match self {
            Self::Named(named) => Ok(named.here(trail)),
            Self::Folder(folder) => folder.enter(trail, display),
        }
    }

    /// The node to ask after the present one went away.
    pub fn next(&mut self, gone: Gone, trail: &Trail, display: &mut Display) -> Result<Http> {
        match self {
            Self::Named(named) => named.next(gone, trail, display),
            Self::Folder(folder) => folder.next(gone, trail, display),
        }
    }
}

impl Named {
    fn here(&self, trail: &Trail) -> Http {
        let (name, client) = &self.nodes[self.at];
        trail.moved(At::Node(name.clone()), None);
        client.clone()
    }

    fn next(&mut self, gone: Gone, trail: &Trail, display: &mut Display) -> Result<Http> {
        self.told |= gone.told;
        if gone.told {
            (self.left, self.since) = (0, None);
        }
        self.left += 1;
        let since = *self.since.get_or_insert_with(Instant::now);
        let asked_all = self.left >= self.nodes.len();
        // Who has followed it once knows that there is such a thread: it may be on its way to the others.
        let patient = self.told && self.nodes.len() > 1 && since.elapsed() < NODES_PATIENCE;
        if !self.told {
            let (name, why) = (&self.nodes[self.at].0, gone.error.root_cause());
            self.reasons.push(format!("{name}: {why}"));
        }
        if asked_all && !patient {
            return Err(self.give_up(gone, trail));
        }
        let left = self.nodes[self.at].0.clone();
        self.at = (self.at + 1) % self.nodes.len();
        if self.left <= self.nodes.len() {
            let unclear = match gone.unclear && trail.thread().is_none() {
                true => "; it may have opened the review, and another one is opened now",
                false => "",
            };
            let why = gone.error.root_cause();
            let text = format!(
                "{left} does not go on with it ({why}){unclear}; asking {}",
                self.nodes[self.at].0
            );
            display.show(&ProgressEvent::Warning { text });
        } else {
            std::thread::sleep(LOOK);
        }
        Ok(self.here(trail))
    }

    fn give_up(&self, gone: Gone, trail: &Trail) -> anyhow::Error {
        if !self.told && self.nodes.len() == 1 {
            return gone.error;
        }
        if !self.told {
            let what = format!("{ATTEMPT}: no node that was named takes it");
            let hint = "start one with `bzzz up`, or name another one with --node ADDRESS";
            return fail_because(Exit::Node, what, self.reasons.join("; "), Some(hint));
        }
        let thread = trail.thread().unwrap_or_default();
        let hint = match (trail.follow_elsewhere(), trail.follow_command()) {
            (Some(elsewhere), Some(here)) => {
                format!("follow it at another member: {elsewhere}; or there, when it runs again: {here}")
            }
            _ => "ask another node".to_owned(),
        };
        let names: Vec<&str> = self.nodes.iter().map(|(name, _)| name.as_str()).collect();
        let what = match names.len() {
            1 => format!("{ATTEMPT}: {} went away", names[0]),
            _ => format!("{ATTEMPT}: none of {} goes on with it", names.join(", ")),
        };
        let because = format!("the review {thread} is open, and goes on where its members run");
        fail_because(Exit::Node, because, gone.error.root_cause().to_string(), None).context(
            crate::cli::failure::Explained {
                what,
                hint: Some(hint),
                exit: Exit::Node,
            },
        )
    }
}

/// Says in one line how many questions wait on the folder. They have nothing to do with what the command is for, so that they cannot be
/// counted is no reason to fail.
fn tell_of_questions(client: &Http, display: &mut Display) {
    let Ok(answer) = client.get("escalations", &[], ATTEMPT) else {
        return;
    };
    let count = answer["escalations"].as_array().map_or(0, Vec::len);
    if count > 0 {
        let text = match count {
            1 => "1 older question waits for an answer: `bzzz escalations list`".to_owned(),
            _ => format!("{count} older questions wait for answers: `bzzz escalations list`"),
        };
        display.show(&ProgressEvent::Warning { text });
    }
}

impl Folder {
    /// The node on the folder, or one of our own. Another process that has the folder open is about to serve or to go.
    fn enter(&mut self, trail: &Trail, display: &mut Display) -> Result<Http> {
        let begun = Instant::now();
        let mut said = false;
        loop {
            trail.rest_if_ending();
            if let Some((client, status)) = find::answering(&self.settings.data)? {
                trail.moved(At::Guest(status.http.clone()), None);
                self.host = Some(status);
                return Ok(client);
            }
            match Embedded::start(&self.settings, true) {
                Ok(embedded) => {
                    let client = find::named(&embedded.status.http)?;
                    trail.moved(At::Own, Some(embedded.closer()));
                    tell_of_questions(&client, display);
                    self.embedded = Some(embedded);
                    return Ok(client);
                }
                Err(error) if is_in_use(&error) && begun.elapsed() < FOLDER_PATIENCE => {
                    if !said && begun.elapsed() > SAY_AFTER {
                        said = true;
                        let text = format!("{}; waiting for it", error.root_cause());
                        display.show(&ProgressEvent::Warning { text });
                    }
                }
                Err(error) => return Err(error),
            }
            std::thread::sleep(LOOK);
        }
    }

    fn next(&mut self, gone: Gone, trail: &Trail, display: &mut Display) -> Result<Http> {
        if gone.unknown {
            // Whoever has the folder next knows no more.
            return Err(gone.error);
        }
        let Some(host) = self.host.take() else {
            return Err(self.own_failed(gone, trail));
        };
        if gone.unclear && trail.thread().is_none() {
            let text = format!(
                "{} went away and may have opened the review; another one is opened now",
                host.http
            );
            display.show(&ProgressEvent::Warning { text });
        }
        if host.brief {
            let client = self.enter(trail, display)?;
            if trail.thread().is_some() {
                let whose = match self.embedded {
                    Some(_) => "a node of this one's own",
                    None => "the next one's",
                };
                let text = format!("the command whose node had the review has ended; it goes on at {whose}");
                display.show(&ProgressEvent::Warning { text });
            }
            return Ok(client);
        }
        self.wait_for_return(gone, trail, display)
    }

    /// A node of our own does not go away: it failed, most often for want of disk.
    fn own_failed(&self, gone: Gone, trail: &Trail) -> anyhow::Error {
        let Some(why) = self.embedded.as_ref().and_then(Embedded::why_stopped) else {
            return fail_because(
                Exit::Local,
                format!("{ATTEMPT}: the node of this command does not answer"),
                gone.error.root_cause().to_string(),
                Some(
                    "see that this machine can talk to itself: its loopback interface has to be up, and no firewall in between",
                ),
            );
        };
        let then = match trail.follow_command() {
            Some(follow) => format!("go on with the review: {follow}"),
            None => "run it again".to_owned(),
        };
        let hint = format!("mend that (`bzzz doctor` looks at this machine), then {then}");
        fail_because(
            Exit::Local,
            format!("{ATTEMPT}: the node had to stop"),
            why,
            Some(&hint),
        )
    }

    /// A node of `bzzz up` is somebody's service: it may be started again, and nobody takes its folder meanwhile.
    fn wait_for_return(&mut self, gone: Gone, trail: &Trail, display: &mut Display) -> Result<Http> {
        let seconds = NODES_PATIENCE.as_secs();
        let data = self.settings.data.display();
        let text = format!("the node on {data} went away; waiting {seconds} s for it to come back");
        display.show(&ProgressEvent::Warning { text });
        let until = Instant::now() + NODES_PATIENCE;
        while Instant::now() < until {
            trail.rest_if_ending();
            if let Some((client, status)) = find::answering(&self.settings.data)? {
                trail.moved(At::Guest(status.http.clone()), None);
                self.host = Some(status);
                return Ok(client);
            }
            std::thread::sleep(LOOK);
        }
        let Some(follow) = trail.follow_command() else {
            return Err(gone.error);
        };
        let because = format!("the node on {data} went away; the review rests until a node runs there");
        let hint = format!("go on with it: {follow}");
        Err(fail_because(Exit::Node, ATTEMPT, because, Some(&hint)))
    }
}
