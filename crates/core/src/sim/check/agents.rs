//! Agents: an honest node's agents are its own, whoever else claims them.

use crate::body::Endorsement;
use crate::crypto::PublicKey;
use crate::sim::world::World;

impl World {
    /// An endorsement has taken effect at a node: nobody but its host has endorsed the agent of an honest node.
    pub fn check_endorsed(&mut self, n: usize, by: &PublicKey, endorsement: &Endorsement) {
        let project = endorsement.project;
        let known = &mut self.check.agents;
        let host = (0..self.members.len()).find(|m| {
            let hosted = known.entry((project, *m)).or_insert_with(|| {
                let cfg = &self.members[*m].cfg;
                let keys = cfg.agents.iter().map(|a| cfg.key.agent(&project, &a.id).public());
                keys.collect()
            });
            hosted.contains(&endorsement.agent)
        });
        let Some(host) = host.filter(|host| self.honest(*host)) else {
            return;
        };
        if self.members[host].me != *by {
            let what = format!(
                "{} takes {}'s agent {} for one of {}",
                self.name(n),
                self.name(host),
                endorsement.id,
                self.who(by)
            );
            self.violate("agents", what);
        }
    }
}
