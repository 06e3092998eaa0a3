//! Texts on their way from one member to the next.

use bzzz_core::blob::Blob;
use bzzz_core::crypto::{Hash, PublicKey};
use bzzz_core::node::{Admit, Effect, Input, Node};
use bzzz_core::wire::Wire;

use crate::mesh::config;
use crate::world::{START_MS, World};

const NOW_MS: u64 = START_MS + 60_000;

/// The first member of a world as a node that is connected with the others.
struct Asked {
    world: World,
    node: Node,
}

impl Asked {
    fn new() -> Asked {
        let world = World::three();
        let me = &world.members[0];
        let owner = world.roster().owner(&me.node()).unwrap_or("reader").to_owned();
        let mut node = Node::new(config(me, &owner, Admit::Ask, None));
        node.load_event(&Default::default(), &world.genesis);
        node.start(NOW_MS);
        let mut asked = Asked { world, node };
        for i in [1, 2] {
            let peer = asked.peer(i);
            asked.take(Input::Connected { peer, loopback: false });
        }
        asked
    }

    fn peer(&self, i: usize) -> PublicKey {
        self.world.members[i].node()
    }

    /// Everything is durable at once.
    fn take(&mut self, input: Input) -> Vec<Effect> {
        let mut all = self.node.handle(NOW_MS, input);
        let mut at = 0;
        while at < all.len() {
            if let Effect::Append { id, .. } = all[at] {
                all.extend(self.node.handle(NOW_MS, Input::Appended { id }));
            }
            at += 1;
        }
        all
    }

    /// A message from a member; to whom texts go because of it.
    fn message(&mut self, i: usize, message: Wire) -> Vec<(PublicKey, Hash)> {
        let (from, gossip) = (self.peer(i), false);
        let effects = self.take(Input::Received { from, message, gossip });
        let given = effects.into_iter().filter_map(|effect| match effect {
            Effect::Send {
                to,
                message: Wire::Blob { blob, .. },
            } => Some((to, blob.hash())),
            Effect::ServeBlob { to, hash, .. } => Some((to, hash)),
            _ => None,
        });
        given.collect()
    }

    fn asks(&mut self, i: usize, hash: Hash) -> Vec<(PublicKey, Hash)> {
        let project = self.world.project();
        self.message(i, Wire::WantBlob { project, hash })
    }

    fn gives(&mut self, i: usize, blob: &Blob) -> Vec<(PublicKey, Hash)> {
        let (project, blob) = (self.world.project(), blob.clone());
        self.message(i, Wire::Blob { project, blob })
    }

    /// The second member opens a thread with a change of this length, whose text is not there.
    fn names_change(&mut self, bytes: usize) -> Blob {
        let text = "x".repeat(bytes);
        let blob = self.world.changed_line(&text);
        let event = self.world.thread_about(1, &text);
        let (project, events) = (self.world.project(), vec![event.encode().into()]);
        let blobs = vec![];
        assert!(self.message(1, Wire::Events { project, events, blobs }).is_empty());
        blob
    }
}

#[test]
fn whoever_asked_in_vain_gets_a_text_when_it_comes() {
    let mut asked = Asked::new();
    let blob = asked.names_change(100);
    let (giver, asker) = (1, 2);
    assert!(asked.asks(asker, blob.hash()).is_empty(), "it is not there yet");
    assert!(asked.asks(giver, blob.hash()).is_empty(), "it is not there yet");
    let to = asked.peer(asker);
    assert_eq!(
        asked.gives(giver, &blob),
        [(to, blob.hash())],
        "not back to who gave it"
    );
    assert!(asked.gives(giver, &blob).is_empty(), "once only");
    assert_eq!(asked.asks(asker, blob.hash()), [(to, blob.hash())], "who asks gets it");
}

#[test]
fn a_text_goes_to_none_who_left_and_a_long_one_to_none_who_does_not_ask_again() {
    let mut asked = Asked::new();
    let blob = asked.names_change(100);
    let (giver, asker) = (1, 2);
    asked.asks(asker, blob.hash());
    let peer = asked.peer(asker);
    asked.take(Input::Disconnected { peer });
    assert!(asked.gives(giver, &blob).is_empty());
    asked.take(Input::Connected { peer, loopback: false });
    let long = asked.names_change(100_000);
    asked.asks(asker, long.hash());
    assert!(asked.gives(giver, &long).is_empty());
    assert_eq!(asked.asks(asker, long.hash()), [(peer, long.hash())]);
}
