//! The end of a run: everything is healed, and all must come to rest in the same state, with nothing lost.

use super::Violation;
use super::world::{Nature, World};
use crate::body::ThreadKind;
use crate::state::{State, ThreadStatus};

fn unrest(invariant: &'static str, what: String) -> Option<Violation> {
    Some(Violation { invariant, what })
}

impl World {
    /// The honest nodes of a group that belong to its project now.
    fn present(&self, group: usize) -> Vec<usize> {
        let nodes = &self.groups[group].nodes;
        let honest = nodes.iter().filter(|n| self.members[**n].nature == Nature::Honest);
        let latest = honest
            .clone()
            .filter_map(|n| self.project_of(*n))
            .max_by_key(|p| p.state.rosters.latest().epoch);
        let Some(roster) = latest.map(|p| p.state.rosters.latest()) else {
            return vec![];
        };
        honest
            .copied()
            .filter(|n| roster.is_member(&self.members[*n].me))
            .collect()
    }

    /// What is still under way; none when all has come to rest.
    pub fn unrest(&self) -> Option<Violation> {
        (0..self.groups.len()).find_map(|g| self.unrest_of(g))
    }

    fn unrest_of(&self, g: usize) -> Option<Violation> {
        let nodes = self.present(g);
        let Some(first) = nodes.first().copied() else {
            return unrest("convergence", format!("group {g} has no members"));
        };
        for n in &nodes {
            let name = self.name(*n);
            let Some(node) = &self.members[*n].node else {
                return unrest("convergence", format!("{name} is not back"));
            };
            let Some(p) = self.project_of(*n) else {
                return unrest("convergence", format!("{name} does not have the project"));
            };
            if !node.is_settled() {
                return unrest("convergence", format!("{name} still waits for its disk"));
            }
            if p.awaits_reload() {
                return unrest("convergence", format!("{name} has yet to fold its state anew"));
            }
            let digest = self.project_of(first).map(|p| p.digest());
            if Some(p.digest()) != digest || self.ends(*n) != self.ends(first) {
                let what = format!(
                    "{} and {name} do not come to the same events: {}",
                    self.name(first),
                    self.heads_apart(first, *n)
                );
                return unrest("convergence", what);
            }
            if let Some(what) = self.open_wish(*n) {
                return unrest(
                    "membership",
                    format!("{name} waits for a change that is carried: {what}"),
                );
            }
            for (id, thread) in &p.state.threads {
                let review = thread
                    .opened
                    .as_ref()
                    .is_some_and(|(_, o)| o.kind == ThreadKind::Review && o.subject.is_some());
                if review && p.thread_status(id) == Some(ThreadStatus::Open) {
                    return unrest("review-ends", format!("review {} does not end at {name}", id.short()));
                }
            }
        }
        if let Some(what) = self.missing_text(&nodes) {
            return unrest("texts", what);
        }
        let group = &self.groups[g];
        let waiting = group.nodes.iter().find(|n| {
            self.members[**n].nature == Nature::Honest
                && self.members[**n].node.as_ref().is_some_and(|node| node.is_joining())
        });
        waiting.and_then(|n| {
            let was_member = self
                .project_of(*n)
                .is_some_and(|p| p.feeds.get(&p.feed()).is_some_and(|f| !f.is_empty()));
            let cut = self.is_cut_off(*n);
            if was_member || cut {
                return None;
            }
            unrest("join", format!("{} does not get a seat", self.name(*n)))
        })
    }

    /// Whether a roster has removed a node.
    fn is_cut_off(&self, n: usize) -> bool {
        let nodes = self.present(self.members[n].group);
        let me = self.members[n].me;
        let p = nodes.first().and_then(|n| self.project_of(*n));
        p.is_some_and(|p| p.state.rosters.cut(&me, self.members[n].cfg.incarnation).is_some())
    }

    fn heads_apart(&self, a: usize, b: usize) -> String {
        let heads = |n: usize| -> std::collections::BTreeMap<_, _> {
            let p = self.project_of(n);
            p.into_iter()
                .flat_map(|p| p.feeds.heads().map(|(f, len, head)| (f, (len, head))))
                .collect()
        };
        let (ha, hb) = (heads(a), heads(b));
        let mut out = Vec::new();
        for feed in ha.keys().chain(hb.keys()) {
            let (x, y) = (ha.get(feed), hb.get(feed));
            if x != y && out.len() < 4 {
                out.push(format!(
                    "{}#{} {:?} against {:?}",
                    self.who(&feed.node),
                    feed.incarnation,
                    x.map(|h| (h.0, h.1.short())),
                    y.map(|h| (h.0, h.1.short()))
                ));
            }
        }
        for n in [a, b] {
            let waits = self.project_of(n).map(|p| p.feeds.waits()).unwrap_or_default();
            if !waits.is_empty() {
                out.push(format!("{} waits: {}", self.name(n), waits.join("; ")));
            }
        }
        if out.is_empty() {
            out.push(format!(
                "ends {:?} against {:?}",
                self.ends(a).values(),
                self.ends(b).values()
            ));
        }
        out.join(", ")
    }

    /// All has come to rest: nothing is lost, all agree, every decision can be shown.
    pub fn final_checks(&mut self) {
        for g in 0..self.groups.len() {
            let nodes = self.present(g);
            for pair in nodes.windows(2) {
                self.compare(pair[0], pair[1]);
            }
            for n in &nodes {
                self.check_nothing_lost(*n);
                self.check_certificates(*n);
            }
            self.check_rebuilds(&nodes);
            self.count(&nodes);
        }
    }

    /// Every event that an honest node ever acknowledged is here, unless its node came back from a backup or was removed.
    fn check_nothing_lost(&mut self, n: usize) {
        let group = self.members[n].group;
        let durable: Vec<_> = self
            .check
            .durable
            .iter()
            .map(|(f, hashes)| (*f, hashes.clone()))
            .collect();
        for (feed, hashes) in durable {
            let author = self.who_has(&feed.node);
            let Some(author) = author.filter(|a| self.members[*a].group == group) else {
                continue;
            };
            let honest = self.members[author].nature == Nature::Honest;
            let Some(p) = self.project_of(n) else { return };
            let cut = p.state.rosters.cut(&feed.node, feed.incarnation).is_some();
            if !honest || cut || self.check.rolled_back.contains(&feed) {
                continue;
            }
            let have = p.feeds.get(&feed).map_or(0, |f| f.len()) as usize;
            if have < hashes.len() {
                let what = format!(
                    "{} has {have} of {} events of {}",
                    self.name(n),
                    hashes.len(),
                    self.name(author)
                );
                self.violate("no-loss", what);
            }
        }
    }

    /// What is on a disk gives the state that its node has: `bzzz rebuild` would find no difference.
    fn check_rebuilds(&mut self, nodes: &[usize]) {
        let Some(n) = self.dice.pick(nodes).copied() else {
            return;
        };
        let again = self.load_anew(n);
        let Some(p) = self.project_of(n) else { return };
        let rebuilt = again.project(&p.id());
        let differs = match rebuilt {
            Some(r) if r.state == p.state => None,
            Some(r) => Some(difference(&r.state, &p.state)),
            None => Some("everything"),
        };
        if let Some(what) = differs {
            let what = format!("the disk of {} gives another state, in {what}", self.name(n));
            self.violate("rebuild", what);
        }
    }

    fn count(&mut self, nodes: &[usize]) {
        let Some(p) = nodes.first().and_then(|n| self.project_of(*n)) else {
            return;
        };
        let mut counts = [0u64; 5];
        for (id, thread) in &p.state.threads {
            if thread
                .opened
                .as_ref()
                .is_some_and(|(_, o)| o.kind == ThreadKind::Review)
            {
                counts[0] += 1;
                match p.thread_status(id) {
                    Some(ThreadStatus::Decided { .. }) => counts[1] += 1,
                    Some(ThreadStatus::Escalated { .. }) => counts[2] += 1,
                    Some(ThreadStatus::Answered { .. }) => {
                        counts[2] += 1;
                        counts[4] += 1;
                    }
                    Some(ThreadStatus::Closed { .. }) => counts[3] += 1,
                    _ => {}
                }
            }
        }
        let removed = p.state.rosters.cuts().count() as u64;
        let cut = p
            .feeds
            .ends()
            .filter(|(f, _)| p.state.rosters.cut(&f.node, f.incarnation).is_some());
        let cut = cut.count() as u64;
        let resources = p.state.resources.values();
        let siblings = resources.filter(|r| !r.siblings().is_empty()).count() as u64;
        let s = &mut self.summary;
        for (n, name) in [
            (counts[4], "review answered by a person"),
            (cut, "feed cut"),
            (siblings, "writes side by side"),
        ] {
            if n > 0 {
                *s.seen.entry(name).or_default() += n;
            }
        }
        s.reviews += counts[0];
        s.decided += counts[1];
        s.escalated += counts[2];
        s.closed += counts[3];
        s.removed += removed;
    }
}

/// Which part of two states differs.
pub(super) fn difference(a: &State, b: &State) -> &'static str {
    match () {
        () if a.rosters != b.rosters => "rosters",
        () if a.roster_votes != b.roster_votes => "signatures under rosters",
        () if a.roster_prepares != b.roster_prepares => "who was ready for rosters",
        () if a.roster_proposals != b.roster_proposals => "proposed rosters",
        () if a.membership != b.membership => "consents to membership",
        () if a.agents != b.agents => "agents",
        () if a.threads != b.threads => "threads",
        () if a.ballots != b.ballots => "ballots",
        () if a.finals != b.finals => "final votes",
        () if a.tasks != b.tasks => "tasks",
        () if a.escalations != b.escalations => "escalations",
        () if a.shares != b.shares => "shares",
        () if a.spending != b.spending => "spending",
        () if a.resources != b.resources => "resources",
        () if a.mail != b.mail => "mail",
        () => "something else",
    }
}
