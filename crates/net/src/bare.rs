//! Gossipsub and nothing else between two swarms of this process: the yardstick that `bzzz bench` puts beside the node.
//!
//! Library defaults all through (signed messages, forwarded without validation), the node's transport. It has no part in
//! a running node.

use std::time::Duration;

use futures::StreamExt as _;
use libp2p::{Multiaddr, Swarm, gossipsub, identity, swarm::SwarmEvent};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{error::NetError, transport};

/// Messages that wait for the publisher, and for whoever listens.
const QUEUE: usize = 1_024;
/// The two find each other within this time, or not at all.
const PATIENCE: Duration = Duration::from_secs(10);
const TOPIC: &str = "bare";

/// Two connected swarms on loopback: one publishes, the other listens.
pub struct BarePair {
    publish: mpsc::Sender<Vec<u8>>,
    heard: mpsc::Receiver<Vec<u8>>,
    tasks: [JoinHandle<()>; 2],
}

impl BarePair {
    /// Starts and connects the two; returns when the listener's subscription has reached the publisher.
    ///
    /// # Errors
    /// [`NetError::Setup`] when a swarm cannot be built or the two do not find each other.
    pub async fn start() -> Result<Self, NetError> {
        let refused = |reason: String| NetError::Setup {
            what: "a bare gossipsub pair",
            reason,
        };
        let (mut listener, mut publisher) = (swarm()?, swarm()?);
        let any: Multiaddr = "/ip4/127.0.0.1/tcp/0".parse().expect("a constant multiaddr");
        listener.listen_on(any).map_err(|e| refused(e.to_string()))?;
        let meet = async {
            loop {
                tokio::select! {
                    event = listener.select_next_some() => if let SwarmEvent::NewListenAddr { address, .. } = event {
                        publisher.dial(address).map_err(|e| refused(e.to_string()))?;
                    },
                    event = publisher.select_next_some() => {
                        if let SwarmEvent::Behaviour(gossipsub::Event::Subscribed { .. }) = event {
                            return Ok(());
                        }
                    }
                }
            }
        };
        tokio::time::timeout(PATIENCE, meet)
            .await
            .map_err(|_| refused("the two did not find each other".to_owned()))??;
        let (publish, messages) = mpsc::channel(QUEUE);
        let (hear, heard) = mpsc::channel(QUEUE);
        Ok(Self {
            publish,
            heard,
            tasks: [
                tokio::spawn(speak(publisher, messages)),
                tokio::spawn(listen(listener, hear)),
            ],
        })
    }

    /// Hands a message to the publisher's task; false when it has ended.
    pub async fn publish(&self, data: Vec<u8>) -> bool {
        self.publish.send(data).await.is_ok()
    }

    /// The next message that the listener hears.
    pub async fn heard(&mut self) -> Option<Vec<u8>> {
        self.heard.recv().await
    }
}

impl Drop for BarePair {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn swarm() -> Result<Swarm<gossipsub::Behaviour>, NetError> {
    let keypair = identity::Keypair::generate_ed25519();
    let refused = |reason: String| NetError::Setup { what: "gossip", reason };
    let signed = gossipsub::MessageAuthenticity::Signed(keypair.clone());
    let mut gossip =
        gossipsub::Behaviour::new(signed, gossipsub::Config::default()).map_err(|e| refused(e.to_owned()))?;
    gossip
        .subscribe(&gossipsub::IdentTopic::new(TOPIC))
        .map_err(|e| refused(e.to_string()))?;
    let transport = transport::build(&keypair, None, PATIENCE)?;
    let config = libp2p::swarm::Config::with_tokio_executor().with_idle_connection_timeout(Duration::from_secs(3_600));
    Ok(Swarm::new(transport, gossip, keypair.public().to_peer_id(), config))
}

async fn speak(mut swarm: Swarm<gossipsub::Behaviour>, mut messages: mpsc::Receiver<Vec<u8>>) {
    let topic = gossipsub::IdentTopic::new(TOPIC);
    loop {
        tokio::select! {
            message = messages.recv() => match message {
                // A refusal shows as a message that is not heard.
                Some(message) => drop(swarm.behaviour_mut().publish(topic.clone(), message)),
                None => return,
            },
            _ = swarm.select_next_some() => {}
        }
    }
}

async fn listen(mut swarm: Swarm<gossipsub::Behaviour>, hear: mpsc::Sender<Vec<u8>>) {
    loop {
        if let SwarmEvent::Behaviour(gossipsub::Event::Message { message, .. }) = swarm.select_next_some().await
            && hear.send(message.data).await.is_err()
        {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_published_is_heard() {
        let mut pair = BarePair::start().await.expect("a pair");
        assert!(pair.publish(b"one".to_vec()).await);
        let heard = tokio::time::timeout(PATIENCE, pair.heard()).await.expect("in time");
        assert_eq!(heard.as_deref(), Some(&b"one"[..]));
    }
}
