//! Frames of the directed protocols.
//!
//! A stream carries one request and its one response, both opaque bytes:
//!
//! ```text
//! request  = length (u32, big endian) ‖ bytes
//! response = status (u8) ‖ length (u32, big endian) ‖ bytes    (no bytes unless the status is 0)
//! ```
//!
//! The length is checked before anything is read, memory grows with the bytes that arrive and not with
//! the length that a peer claims, and every byte held is drawn from one budget that all peers share: a
//! peer that announces 8 MiB and then stalls holds what it sent and nothing more.

use std::{io, sync::Arc};

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::request_response::Codec;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Read at most so much at once, so that the budget is drawn in small steps.
const CHUNK_BYTES: usize = 64 * 1024;

/// Bytes of a frame, and the share of the memory budget that they occupy until dropped.
#[derive(Debug)]
pub(crate) struct Payload {
    pub(crate) bytes: Vec<u8>,
    pub(crate) share: Option<OwnedSemaphorePermit>,
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, share: None }
    }
}

/// What comes back for a request.
#[derive(Debug)]
pub(crate) enum Response {
    Answer(Payload),
    /// The application dropped the request.
    Unanswered,
    /// The answer would have been longer than the protocol allows.
    AnswerTooLarge,
    /// The node could not take the request now.
    Busy,
}

impl Response {
    fn status(&self) -> u8 {
        match self {
            Response::Answer(_) => 0,
            Response::Unanswered => 1,
            Response::AnswerTooLarge => 2,
            Response::Busy => 3,
        }
    }
}

/// The codec of both directed protocols; the protocol's name does not change the framing.
#[derive(Debug, Clone)]
pub(crate) struct FrameCodec {
    max_bytes: usize,
    budget: Arc<Semaphore>,
}

impl FrameCodec {
    /// Frames up to `max_bytes`, all of them together within `budget` bytes.
    pub(crate) fn new(max_bytes: usize, budget: Arc<Semaphore>) -> Self {
        Self { max_bytes, budget }
    }

    async fn read_frame<T: AsyncRead + Unpin + Send>(&self, io: &mut T) -> io::Result<Payload> {
        let mut length = [0; 4];
        io.read_exact(&mut length).await?;
        let length = u32::from_be_bytes(length) as usize;
        if length > self.max_bytes {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a frame of {length} bytes is above the limit of {}", self.max_bytes),
            ));
        }
        let mut bytes = Vec::new();
        let mut share: Option<OwnedSemaphorePermit> = None;
        while bytes.len() < length {
            let step = CHUNK_BYTES.min(length - bytes.len());
            let permit = Arc::clone(&self.budget)
                .try_acquire_many_owned(u32::try_from(step).unwrap_or(u32::MAX))
                .map_err(|_| io::Error::new(io::ErrorKind::OutOfMemory, "the memory for messages is used up"))?;
            match &mut share {
                Some(held) => held.merge(permit),
                None => share = Some(permit),
            }
            let start = bytes.len();
            bytes.resize(start + step, 0);
            io.read_exact(&mut bytes[start..]).await?;
        }
        Ok(Payload { bytes, share })
    }

    async fn write_frame<T: AsyncWrite + Unpin + Send>(&self, io: &mut T, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len())
            .ok()
            .filter(|_| bytes.len() <= self.max_bytes)
            .ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("{} bytes are above the limit of {}", bytes.len(), self.max_bytes),
                )
            })?;
        io.write_all(&length.to_be_bytes()).await?;
        io.write_all(bytes).await
    }
}

impl Codec for FrameCodec {
    type Protocol = libp2p::StreamProtocol;
    type Request = Payload;
    type Response = Response;

    async fn read_request<T>(&mut self, _: &Self::Protocol, io: &mut T) -> io::Result<Payload>
    where
        T: AsyncRead + Unpin + Send,
    {
        self.read_frame(io).await
    }

    async fn read_response<T>(&mut self, _: &Self::Protocol, io: &mut T) -> io::Result<Response>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut status = [0; 1];
        io.read_exact(&mut status).await?;
        match status[0] {
            0 => Ok(Response::Answer(self.read_frame(io).await?)),
            1 => Ok(Response::Unanswered),
            2 => Ok(Response::AnswerTooLarge),
            3 => Ok(Response::Busy),
            other => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("unknown response status {other}"),
            )),
        }
    }

    async fn write_request<T>(&mut self, _: &Self::Protocol, io: &mut T, request: Payload) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        self.write_frame(io, &request.bytes).await
    }

    async fn write_response<T>(&mut self, _: &Self::Protocol, io: &mut T, response: Response) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&[response.status()]).await?;
        match response {
            Response::Answer(payload) => self.write_frame(io, &payload.bytes).await,
            _ => self.write_frame(io, &[]).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::io::Cursor;

    const MAX: usize = 200_000;

    fn codec(budget: usize) -> (FrameCodec, Arc<Semaphore>) {
        let budget = Arc::new(Semaphore::new(budget));
        (FrameCodec::new(MAX, Arc::clone(&budget)), budget)
    }

    async fn read(codec: &FrameCodec, wire: Vec<u8>) -> io::Result<Payload> {
        codec.read_frame(&mut Cursor::new(wire)).await
    }

    fn wire(length: u32, bytes: &[u8]) -> Vec<u8> {
        let mut wire = length.to_be_bytes().to_vec();
        wire.extend_from_slice(bytes);
        wire
    }

    #[tokio::test]
    async fn frames_of_all_sizes_come_back() {
        let (codec, budget) = codec(MAX);
        for size in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, MAX] {
            let bytes: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
            let mut wire = Vec::new();
            codec.write_frame(&mut wire, &bytes).await.expect("written");
            let payload = read(&codec, wire).await.expect("read");
            assert_eq!(payload.bytes, bytes);
            assert_eq!(budget.available_permits(), MAX - size, "the bytes are drawn");
            drop(payload);
            assert_eq!(budget.available_permits(), MAX, "and given back");
        }
    }

    #[tokio::test]
    async fn a_claimed_length_above_the_limit_is_refused_before_reading() {
        let (codec, _) = codec(MAX);
        for length in [MAX as u32 + 1, u32::MAX] {
            let error = read(&codec, wire(length, b"x")).await.expect_err("too long");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }

    #[tokio::test]
    async fn a_cut_frame_is_an_error_and_gives_its_memory_back() {
        let (codec, budget) = codec(MAX);
        let error = read(&codec, wire(100_000, &[7; 99_999])).await.expect_err("cut");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(budget.available_permits(), MAX);
    }

    #[tokio::test]
    async fn the_shared_budget_holds_whatever_peers_claim() {
        let (codec, _) = codec(CHUNK_BYTES);
        let held = read(&codec, wire(60_000, &[1; 60_000])).await.expect("fits");
        let error = read(&codec, wire(60_000, &[1; 60_000])).await.expect_err("used up");
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
        drop(held);
        read(&codec, wire(60_000, &[1; 60_000])).await.expect("fits again");
    }

    #[tokio::test]
    async fn an_unknown_status_is_an_error() {
        let (mut codec, _) = codec(MAX);
        let protocol = libp2p::StreamProtocol::new("/t");
        let error = codec
            .read_response(&protocol, &mut Cursor::new(vec![9, 0, 0, 0, 0]))
            .await
            .expect_err("unknown");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
