//! The reader of addresses: one pass from left to right, which stops at the first character that is wrong.
//!
//! Each reader returns its part in canonical form.

use super::cursor::{Cursor, is_name_byte, is_unreserved, is_uri_byte};
use super::error::AddressError;
use super::name::{Label, NAME_BYTES_MAX, Name};
use super::path::{PATH_BYTES_MAX, PATH_DEPTH_MAX, Path};
use super::temporal::Temporal;
use super::{Address, FRAGMENT_BYTES_MAX, QUERY_BYTES_MAX, SCHEME};

const NAME_CHARS: &str = "letters, digits, `_` or `-`";
const SHAPE: &str = "`bzzz://agent:role@project:task/path`, with `*` for a name that is left open";
const TEMPORALS: &str = "`*^` (latest), `*~` (any), `*~N` (version N), `~~N` (N back) or `^^N` (N forward)";

/// What closes a whole input that is a single part.
const NOTHING: &[u8] = b"";

pub(super) fn address(input: &str) -> Result<Address, AddressError> {
    let mut at = Cursor::new("address", input)?;
    at.scheme()?;
    let agent = at.name("agent", b":", "`:` and the role")?;
    at.skip(b':');
    let role = at.name("role", b"@", "`@` and the project")?;
    at.skip(b'@');
    let project = at.name("project", b":", "`:` and the task")?;
    at.skip(b':');
    let task = at.name("task", b"/?#", "`/` and a path, or the end")?;
    let mut address = Address::new(agent, role, project, task);
    if at.skip(b'/') {
        address.temporal = at.temporal()?;
        address.path = at.path(b"?#")?;
    }
    if at.skip(b'?') {
        address.query = at.uri_text("query", QUERY_BYTES_MAX, b"#")?;
    }
    if at.skip(b'#') {
        address.fragment = at.uri_text("fragment", FRAGMENT_BYTES_MAX, NOTHING)?;
    }
    Ok(address)
}

pub(super) fn name(input: &str) -> Result<Name, AddressError> {
    Cursor::new("name", input)?.name("name", NOTHING, "the end")
}

pub(super) fn label(input: &str) -> Result<Label, AddressError> {
    match name(input)? {
        Name::Exact(label) => Ok(label),
        Name::Any => {
            let what = if input.is_empty() {
                "an empty name".to_owned()
            } else {
                format!("`{input}` leaves the name open")
            };
            Err(AddressError::new(
                "name",
                input,
                0,
                what,
                format!("an exact name: {NAME_CHARS}"),
            ))
        }
    }
}

pub(super) fn path(input: &str) -> Result<Path, AddressError> {
    Cursor::new("path", input)?.path(NOTHING)
}

pub(super) fn query(input: &str) -> Result<Option<String>, AddressError> {
    Cursor::new("query", input)?.uri_text("query", QUERY_BYTES_MAX, NOTHING)
}

pub(super) fn fragment(input: &str) -> Result<Option<String>, AddressError> {
    Cursor::new("fragment", input)?.uri_text("fragment", FRAGMENT_BYTES_MAX, NOTHING)
}

impl<'a> Cursor<'a> {
    fn scheme(&mut self) -> Result<(), AddressError> {
        if self.input.is_empty() {
            return Err(self.error("it is empty", SHAPE));
        }
        for wanted in SCHEME.bytes().chain("://".bytes()) {
            if self.peek().map(|byte| byte.to_ascii_lowercase()) != Some(wanted) {
                let what = format!("{} where the scheme `{SCHEME}://` should stand", self.found());
                return Err(self.error(what, SHAPE));
            }
            self.offset += 1;
        }
        Ok(())
    }

    /// A name up to one of `closers` or, where the end of the input may follow, the end. `next` says what comes after.
    fn name(&mut self, part: &str, closers: &[u8], next: &str) -> Result<Name, AddressError> {
        let start = self.offset;
        let may_end = closers.is_empty() || closers.contains(&b'/');
        let open = self.skip(b'*');
        while !open && self.peek().is_some_and(is_name_byte) {
            self.offset += 1;
        }
        let text = &self.input[start..self.offset];
        match self.peek() {
            None if !may_end => {
                return Err(self.error(format!("the address ends after the {part}"), format!("{next}: {SHAPE}")));
            }
            Some(byte) if !closers.contains(&byte) => {
                return Err(self.bad_name(part, text, open, next));
            }
            _ => {}
        }
        if text.len() > NAME_BYTES_MAX {
            return Err(self.error_at(
                start + NAME_BYTES_MAX,
                format!("the {part} is {} characters long", text.len()),
                format!("at most {NAME_BYTES_MAX} characters"),
            ));
        }
        Ok(match text {
            "" | "*" | "any" => Name::Any,
            exact => Name::Exact(Label::from_checked(exact)),
        })
    }

    /// The cursor stands on a character that neither belongs to the name `part` nor closes it.
    fn bad_name(&self, part: &str, text: &str, open: bool, next: &str) -> AddressError {
        let found = self.found();
        if open {
            let what = format!("{found} after `*` in the {part}: `*` stands for a whole name");
            return self.error(what, format!("{next} after `*`, or an exact {part}"));
        }
        match self.peek() {
            Some(b'*') => self.error(
                format!("`*` inside the {part}: it stands for a whole name only"),
                format!("{NAME_CHARS}, or `*` alone"),
            ),
            Some(b':' | b'@' | b'/' | b'?' | b'#') if self.subject == "address" => {
                self.error(format!("{found} after the {part}"), format!("{next}: {SHAPE}"))
            }
            _ if text.is_empty() => self.error(
                format!("{found} at the start of the {part}"),
                format!("{NAME_CHARS}, or `*`"),
            ),
            _ => self.error(format!("{found} in the {part}"), NAME_CHARS),
        }
    }

    /// A temporal segment with its closing slash, if the cursor stands on one. None of its characters may begin a path
    /// segment, so there is no doubt. Generic URI printers escape `^`, hence the escapes are understood too.
    fn temporal(&mut self) -> Result<Option<Temporal>, AddressError> {
        let Some(first) = self.temporal_byte() else {
            return Ok(None);
        };
        let start = self.offset;
        self.offset += first.1;
        let Some(second) = self.temporal_byte() else {
            return Err(self.error(format!("{} in the temporal segment", self.found()), TEMPORALS));
        };
        let at_second = self.offset;
        self.offset += second.1;
        let number = self.number()?;
        let temporal = match ((first.0, second.0), number) {
            ((b'*', b'^'), None) => Temporal::Latest,
            ((b'*', b'~'), None) => Temporal::Any,
            ((b'*', b'~'), Some(version)) => Temporal::Version(version),
            ((b'~', b'~'), Some(steps)) => Temporal::Back(steps),
            ((b'^', b'^'), Some(steps)) => Temporal::Forward(steps),
            ((b'~', b'~') | (b'^', b'^'), None) => {
                return Err(self.error(
                    format!("{} where a number of steps should stand", self.found()),
                    TEMPORALS,
                ));
            }
            ((b'*', b'^'), Some(_)) => {
                return Err(self.error_at(at_second, "the latest version has no number", TEMPORALS));
            }
            _ => return Err(self.error_at(start, "this is no temporal segment", TEMPORALS)),
        };
        if !self.closed(b"/?#") {
            return Err(self.error(format!("{} in the temporal segment", self.found()), TEMPORALS));
        }
        self.skip(b'/');
        Ok(Some(temporal))
    }

    /// One of `*`, `~`, `^` under the cursor, plain or escaped, with the bytes that it takes.
    fn temporal_byte(&self) -> Option<(u8, usize)> {
        match self.peek()? {
            byte @ (b'*' | b'~' | b'^') => Some((byte, 1)),
            b'%' => match self.escape()? {
                byte @ (b'*' | b'~' | b'^') => Some((byte, 3)),
                _ => None,
            },
            _ => None,
        }
    }

    fn number(&mut self) -> Result<Option<u64>, AddressError> {
        let start = self.offset;
        let mut number: u64 = 0;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            number = number
                .checked_mul(10)
                .and_then(|tens| tens.checked_add(u64::from(digit - b'0')))
                .ok_or_else(|| self.error_at(start, "the number is too large", format!("at most {}", u64::MAX)))?;
            self.offset += 1;
        }
        Ok((self.offset > start).then_some(number))
    }

    fn path(&mut self, closers: &[u8]) -> Result<Path, AddressError> {
        let start = self.offset;
        let mut text = String::new();
        let mut depth = 0;
        while !self.closed(closers) {
            if self.skip(b'/') {
                if !text.is_empty() && !text.ends_with('/') {
                    text.push('/');
                }
                continue;
            }
            depth += 1;
            if depth > PATH_DEPTH_MAX {
                return Err(self.error("the path is too deep", format!("at most {PATH_DEPTH_MAX} segments")));
            }
            text.push_str(self.segment(closers)?);
        }
        if text.len() > PATH_BYTES_MAX {
            let what = format!("the path is {} bytes long", text.len());
            return Err(self.error_at(start, what, format!("at most {PATH_BYTES_MAX} bytes")));
        }
        Ok(Path::from_checked(text))
    }

    fn segment(&mut self, closers: &[u8]) -> Result<&'a str, AddressError> {
        let start = self.offset;
        while self.peek().is_some_and(|byte| is_name_byte(byte) || byte == b'.') {
            self.offset += 1;
        }
        if !self.closed(closers) && self.peek() != Some(b'/') {
            return Err(self.bad_path_character());
        }
        let segment = &self.input[start..self.offset];
        if matches!(segment, "." | "..") {
            return Err(self.error_at(
                start,
                format!("`{segment}` in the path: an address does not climb"),
                "the full path, without `.` and `..` segments",
            ));
        }
        Ok(segment)
    }

    fn bad_path_character(&self) -> AddressError {
        let found = self.found();
        match self.peek() {
            Some(b'*' | b'~' | b'^') => self.error(
                format!("{found} in the path: only a temporal segment holds it, directly after the task"),
                format!("letters, digits, `_`, `-`, `.` or `/`; a folder and all below it is `folder/`, a version is {TEMPORALS}"),
            ),
            Some(b'%') => self.error(
                "`%` in the path: a path holds no escapes",
                "letters, digits, `_`, `-`, `.` or `/`",
            ),
            _ => self.error(
                format!("{found} in the path"),
                "letters, digits, `_`, `-`, `.` or `/`",
            ),
        }
    }

    /// Query or fragment (RFC 3986 §3.4, §3.5): `pchar`, `/` and `?`. Escapes of unreserved characters are undone, the
    /// others get upper-case digits (§6.2.2); the result is none when empty.
    fn uri_text(&mut self, part: &str, bytes_max: usize, closers: &[u8]) -> Result<Option<String>, AddressError> {
        let start = self.offset;
        let mut text = String::new();
        while let Some(byte) = self.peek().filter(|byte| !closers.contains(byte)) {
            match byte {
                b'%' => {
                    let Some(value) = self.escape() else {
                        let what = format!("`%` in the {part} without two hexadecimal digits");
                        return Err(self.error(what, "`%` and two of 0-9, A-F; `%25` is the percent sign itself"));
                    };
                    if is_unreserved(value) {
                        text.push(char::from(value));
                    } else {
                        text.push_str(&format!("%{value:02X}"));
                    }
                    self.offset += 3;
                }
                plain if is_uri_byte(plain) => {
                    text.push(char::from(plain));
                    self.offset += 1;
                }
                _ => {
                    let what = format!("{} in the {part}", self.found());
                    return Err(self.error(what, self.escaped_form()));
                }
            }
        }
        if text.len() > bytes_max {
            let what = format!("the {part} is {} bytes long", text.len());
            return Err(self.error_at(start, what, format!("at most {bytes_max} bytes")));
        }
        Ok((!text.is_empty()).then_some(text))
    }
}
