//! A place in the text of an address, and what the readers ask about it.
//!
//! Everything that is accepted is ASCII, so the cursor always stands on a character boundary and byte offsets are safe to
//! slice at.

use super::ADDRESS_BYTES_MAX;
use super::error::{AddressError, show};

pub(super) struct Cursor<'a> {
    pub(super) subject: &'static str,
    pub(super) input: &'a str,
    pub(super) offset: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(subject: &'static str, input: &'a str) -> Result<Self, AddressError> {
        let cursor = Cursor {
            subject,
            input,
            offset: 0,
        };
        if input.len() <= ADDRESS_BYTES_MAX {
            return Ok(cursor);
        }
        let end = input.floor_char_boundary(ADDRESS_BYTES_MAX);
        Err(cursor.error_at(
            end,
            format!("{} bytes are too long", input.len()),
            format!("at most {ADDRESS_BYTES_MAX} bytes"),
        ))
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.input.as_bytes().get(self.offset).copied()
    }

    pub(super) fn skip(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.offset += 1;
        }
        found
    }

    /// At the end of the input, or on one of `closers`.
    pub(super) fn closed(&self, closers: &[u8]) -> bool {
        self.peek().is_none_or(|byte| closers.contains(&byte))
    }

    /// The character under the cursor, for a message.
    pub(super) fn found(&self) -> String {
        match self.input[self.offset..].chars().next() {
            Some(c) => show(c),
            None => "the end".to_owned(),
        }
    }

    pub(super) fn error(&self, what: impl Into<String>, expected: impl Into<String>) -> AddressError {
        self.error_at(self.offset, what, expected)
    }

    pub(super) fn error_at(&self, offset: usize, what: impl Into<String>, expected: impl Into<String>) -> AddressError {
        AddressError::new(self.subject, self.input, offset, what, expected)
    }

    /// The byte that an escape under the cursor stands for.
    pub(super) fn escape(&self) -> Option<u8> {
        let digits = self.input.as_bytes().get(self.offset + 1..self.offset + 3)?;
        let hex = |digit: u8| {
            char::from(digit)
                .to_digit(16)
                .and_then(|value| u8::try_from(value).ok())
        };
        Some(hex(digits[0])? << 4 | hex(digits[1])?)
    }

    /// How the character under the cursor is written in a query or fragment.
    pub(super) fn escaped_form(&self) -> String {
        let Some(c) = self.input[self.offset..].chars().next() else {
            return "a URI character".to_owned();
        };
        let mut buffer = [0; 4];
        let escaped: String = c
            .encode_utf8(&mut buffer)
            .bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect();
        format!("it escaped, `{escaped}`")
    }
}

pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// RFC 3986 §2.3.
pub(super) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// What may stand unescaped in a query or fragment: `pchar`, `/` and `?` (RFC 3986 §3.3 to §3.5).
pub(super) fn is_uri_byte(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@/?".contains(&byte)
}
