//! The way from the command line to a node: its local API, JSON over HTTP under `/v1`.
//!
//! | method and path | body or query | answer |
//! |---|---|---|
//! | `GET status` | | [`wire::Status`] |
//! | `GET agents` | `role` | `{agents: [`[`wire::AgentRow`]`]}` |
//! | `GET lookup` | `address`, `kind`, `expertise`, `available`, `performance` | `{agents, threads, tasks, resources}` |
//! | `GET resource` | `address`, `tag` | [`wire::ResourceRow`] |
//! | `POST resource` | `{address, text, media_type, if_match, idempotency_key}` | `{address, version, state, etag, home, home_live}`; 202 without a version yet |
//! | `POST message` | `{address, text, kind, idempotency_key}` | `{delivered: [agent]}` |
//! | `GET threads` | `state` | `{threads: [`[`wire::ThreadRow`]`]}` |
//! | `POST threads` | `{title, text, invite: [address]}` | `{id, address}` |
//! | `GET threads/{id}` | | [`wire::ThreadRow`] with its questions and `log: [`[`wire::MessageRow`]`]` |
//! | `POST threads/{id}/join`, `…/messages`, `…/vote`, `…/resolve`, `…/escalate`, `…/close` | per action | `{…}` |
//! | `GET tasks`, `GET tasks/{id}` | `state` | `{tasks: [`[`wire::TaskRow`]`]}`, one |
//! | `POST tasks`, `tasks/{id}/claim`, `tasks/{id}/complete` | per action | [`wire::TaskRow`] |
//! | `GET escalations`, `GET escalations/{id}` | `state` | `{escalations: [`[`wire::EscalationRow`]`]}`, one |
//! | `POST escalations/{id}/answer`, `escalations/{id}/ack` | `{answer, reason, person}`, `{person}` | [`wire::EscalationRow`] |
//! | `POST reviews` | [`wire::ReviewRequest`] | lines of [`wire::ReviewLine`] |
//! | `GET threads/{id}/follow` | | the same of a review that is open, or over |
//! | `GET threads/{id}/report` | | `{report, certificate}` as it stands |
//! | `GET admit`, `POST admit` | `{peer, weight}` | `{pending: [peer]}`, `{peer, epoch}` |
//! | `POST log/verify` | `{feed, against: {by, heads}}` | [`wire::CheckAnswer`] |
//! | `POST erase` | `{thread}` or `{text}` | `{thread or text, erased, bytes, already, absent}` |
//! | `POST backup`, `POST rebuild` | `{to}`, `{}` | `{…}`, `{events, rows, wrong}` |
//!
//! Ids in paths are percent-encoded. Every answer that is not 2xx carries a [`wire::Fault`].

pub mod embedded;
pub mod find;
pub mod following;
pub mod http;
pub mod place;
pub mod stream;
pub mod trail;
pub mod wire;

pub use http::Http;
