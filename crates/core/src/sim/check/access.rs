//! Texts: they go to members only, never by gossip, and not after they were erased.

use crate::crypto::{Hash, PublicKey};
use crate::sim::world::World;
use crate::wire::Wire;

/// No write takes a disk longer, virtual milliseconds.
const HELD_BACK_MS: u64 = 2_000;

impl World {
    /// A message with texts goes to one node: it is a member, and the texts were not erased at the sender.
    pub fn check_texts_sent(&mut self, n: usize, to: &PublicKey, wire: &Wire) {
        let (project, hashes): (Hash, Vec<Hash>) = match wire {
            Wire::Events { project, blobs, .. } if !blobs.is_empty() => {
                (*project, blobs.iter().map(|b| b.hash()).collect())
            }
            Wire::Blob { project, blob } => (*project, vec![blob.hash()]),
            _ => return,
        };
        self.check_text_goes(n, to, project, &hashes);
    }

    /// A text goes to one node.
    pub fn check_text_goes(&mut self, n: usize, to: &PublicKey, project: Hash, texts: &[Hash]) {
        if !self.honest(n) {
            return;
        }
        let member = &self.members[n];
        let Some(p) = member.node.as_ref().and_then(|node| node.project(&project)) else {
            return;
        };
        // A message may have waited for the disk while the roster changed.
        let rosters = &p.state.rosters;
        let latest = rosters.latest().epoch;
        let mut recent = (self.epoch_of_speech(n, latest)..=latest).filter_map(|e| rosters.epoch(e));
        let is_member = recent.any(|r| r.is_member(to)) || p.newest_roster().is_member(to);
        // An answer may have waited for the disk while its text was erased: `bzzz erase` folds anew afterwards, people here do not.
        let waited = |hash: &Hash| {
            let at = self.check.erased.get(&(n, *hash));
            at.is_some_and(|at| self.now < at + HELD_BACK_MS)
        };
        let erased = texts
            .iter()
            .find(|hash| member.disk.is_erased(project, **hash) && !waited(hash));
        let what = match erased {
            _ if !is_member => format!("{} gives a text to {}, which is no member", self.name(n), self.who(to)),
            Some(hash) => format!(
                "{} gives away text {}, which was erased there",
                self.name(n),
                hash.short()
            ),
            None => return,
        };
        self.violate("members-only", what);
    }

    /// A text is asked for: not one that was erased here.
    pub fn check_text_asked(&mut self, n: usize, wire: &Wire) {
        let Wire::WantBlob { project, hash } = wire else { return };
        if self.honest(n) && self.members[n].disk.is_erased(*project, *hash) {
            let what = format!(
                "{} asks for text {}, which was erased there",
                self.name(n),
                hash.short()
            );
            self.violate("erased", what);
        }
    }

    /// A text that an honest member named, that somebody here has and another has not; none when all have what there is.
    pub fn missing_text(&self, nodes: &[usize]) -> Option<String> {
        let has = |n: usize, project: Hash, hash: Hash| self.members[n].disk.blob(project, hash).is_some();
        for n in nodes {
            let p = self.project_of(*n)?;
            let threads = p.state.threads.values();
            let messages = threads.flat_map(|t| t.messages.values()).chain(p.state.mail.values());
            let said = messages.map(|m| (m.reference.feed.node, m.message.statement.text.hash));
            let opened = p.state.threads.values().filter_map(|t| t.opened.as_ref());
            let subjects = opened.filter_map(|(m, o)| Some((m.node(), o.subject?.hash)));
            for (author, hash) in said.chain(subjects) {
                let honest = self.index.get(&author).is_some_and(|a| self.honest(*a));
                let erased = self.members[*n].disk.is_erased(p.id(), hash);
                if honest && !erased && !has(*n, p.id(), hash) && nodes.iter().any(|other| has(*other, p.id(), hash)) {
                    return Some(format!("{} does not get text {}", self.name(*n), hash.short()));
                }
            }
        }
        None
    }

    /// Anybody may listen to what is published: it has no texts.
    pub fn check_published(&mut self, n: usize, wire: &Wire) {
        let texts = match wire {
            Wire::Events { blobs, .. } => !blobs.is_empty(),
            Wire::Blob { .. } => true,
            _ => false,
        };
        if self.honest(n) && texts {
            self.violate("members-only", format!("{} publishes texts", self.name(n)));
        }
    }
}
