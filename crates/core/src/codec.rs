//! The one encoding of everything that is signed, hashed, stored or sent: deterministic CBOR.
//!
//! It is RFC 8949 §4.2.1 (core deterministic encoding) restricted to what the formats need: unsigned integers, byte
//! and text strings, arrays of known shape, booleans and `null`. A record is an array of its fields in
//! order; trailing absent fields are left out. Decoding refuses whatever the encoder would not have written
//! (long integers, indefinite lengths, trailing bytes), so one value has one form and a hash names it.

use minicbor::{Decode, Encode};

/// Why bytes are not a value of the expected shape in canonical form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Not CBOR of that shape.
    #[error("could not decode {what}: {why}")]
    Malformed {
        /// The type that was expected.
        what: &'static str,
        /// The decoder's reason.
        why: String,
    },
    /// Well-formed, but not the form that the encoder writes.
    #[error("could not accept {what}: its encoding is not canonical (RFC 8949 section 4.2.1)")]
    NotCanonical {
        /// The type that was expected.
        what: &'static str,
    },
    /// Longer than the format allows.
    #[error("could not accept {what}: {len} bytes exceed the limit of {limit}")]
    TooLong {
        /// The type that was expected.
        what: &'static str,
        /// Length met.
        len: usize,
        /// Length allowed.
        limit: usize,
    },
}

/// Encodes a value in its one canonical form.
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    // Writing to a vector cannot fail, and none of our encoders refuses a value.
    minicbor::to_vec(value).expect("encoding to memory")
}

/// Decodes a value and refuses any form but the canonical one.
pub fn decode<'b, T>(what: &'static str, bytes: &'b [u8]) -> Result<T, CodecError>
where
    T: Decode<'b, ()> + Encode<()>,
{
    let mut decoder = minicbor::Decoder::new(bytes);
    let value: T = decoder.decode().map_err(|e| CodecError::Malformed {
        what,
        why: e.to_string(),
    })?;
    if decoder.position() != bytes.len() || !is_encoding(&value, bytes) {
        return Err(CodecError::NotCanonical { what });
    }
    Ok(value)
}

/// Whether the encoder would write exactly these bytes. Compares while encoding, so nothing is allocated or copied.
fn is_encoding<T: Encode<()>>(value: &T, bytes: &[u8]) -> bool {
    let mut rest = Expected(bytes);
    minicbor::encode(value, &mut rest).is_ok() && rest.0.is_empty()
}

/// What the encoder should still write. It refuses the first byte that differs.
struct Expected<'a>(&'a [u8]);

impl minicbor::encode::Write for Expected<'_> {
    type Error = Differs;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Differs> {
        self.0 = self.0.strip_prefix(bytes).ok_or(Differs)?;
        Ok(())
    }
}

#[derive(Debug)]
struct Differs;

/// Whether no unsigned integer in an encoding exceeds a limit. Of a form that the encoder does not write the answer is no.
pub fn numbers_are_within(bytes: &[u8], limit: u64) -> bool {
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        // RFC 8949 section 3: three bits of major type, five of argument, or of how many bytes hold it.
        let (major, low) = (first >> 5, first & 0x1f);
        let width = match low {
            0..24 => 0,
            24..28 => 1usize << (low - 24),
            _ => return false,
        };
        let Some((bytes, tail)) = tail.split_at_checked(width) else {
            return false;
        };
        let argument = match width {
            0 => u64::from(low),
            _ => bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        };
        let skip = match major {
            0 if argument > limit => return false,
            2 | 3 => usize::try_from(argument).unwrap_or(usize::MAX),
            _ => 0,
        };
        let Some((_, tail)) = tail.split_at_checked(skip) else {
            return false;
        };
        rest = tail;
    }
    true
}

/// [`decode`] with an upper bound on the length, checked first.
pub fn decode_bounded<'b, T>(what: &'static str, bytes: &'b [u8], limit: usize) -> Result<T, CodecError>
where
    T: Decode<'b, ()> + Encode<()>,
{
    if bytes.len() > limit {
        return Err(CodecError::TooLong {
            what,
            len: bytes.len(),
            limit,
        });
    }
    decode(what, bytes)
}
