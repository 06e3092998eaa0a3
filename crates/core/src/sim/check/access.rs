//! Texts: they go to members only, never by gossip, and not after they were erased.

use crate::crypto::{Hash, PublicKey};
use crate::sim::world::World;
use crate::wire::Wire;

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
        let erased = texts.iter().find(|hash| member.disk.is_erased(project, **hash));
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
