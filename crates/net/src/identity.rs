//! The node's identity: one Ed25519 key, kept in one file.
//!
//! The file is text: a header line, then the 32-byte seed (RFC 8032) in lower-case hexadecimal.
//!
//! ```text
//! bzzz-identity-v1
//! 9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60
//! ```
//!
//! What always holds: the file is readable by its owner only (a looser mode is refused, not repaired,
//! since the key may have been read already); it appears under its name complete or not at all
//! (temporary file, fsync, link, fsync of the folder); and an existing file is never overwritten,
//! whatever is in it: whoever loses the key loses the node's name.

use std::{
    fmt, fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use libp2p::{PeerId, identity};

/// First line of an identity file; names the format's version.
const HEADER: &str = "bzzz-identity-v1";
/// More than this is not an identity file; bounds what is read.
const MAX_FILE_BYTES: u64 = 1_024;
/// Multihash code "identity" (multiformats table): the digest is the key itself.
const IDENTITY_MULTIHASH: u64 = 0x00;

/// Why an identity could not be loaded or created.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file could not be read or written.
    #[error("cannot {action} the identity file {}: {source}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// The file concerned.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// Others can read the key.
    #[error(
        "the identity file {} is open to others (mode {mode:04o}); if nobody else has read it, run: \
         chmod 600 {}", path.display(), path.display()
    )]
    Permissions {
        /// The file concerned.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The content is not an identity.
    #[error(
        "the identity file {} is damaged: {reason}; restore it from a backup, or move it away to get a \
         new identity (the node's name changes with it)", path.display()
    )]
    Corrupted {
        /// The file concerned.
        path: PathBuf,
        /// What is wrong with it; never contains the content.
        reason: &'static str,
    },
    /// The operating system gave no randomness for a new key.
    #[error("cannot create an identity: no randomness from the operating system: {0}")]
    Randomness(getrandom::Error),
}

/// A node's Ed25519 key pair. The secret never shows in `Debug` output.
#[derive(Clone)]
pub struct Identity {
    seed: [u8; 32],
    public: identity::ed25519::PublicKey,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("peer_id", &self.peer_id())
            .finish_non_exhaustive()
    }
}

impl Identity {
    /// The identity of a 32-byte Ed25519 seed (RFC 8032, section 5.1.5).
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let public = ed25519_keypair(seed).public();
        Self { seed, public }
    }

    /// A new identity from the operating system's randomness, in memory only.
    ///
    /// # Errors
    /// When the operating system has none to give.
    pub fn generate() -> Result<Self, IdentityError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(IdentityError::Randomness)?;
        Ok(Self::from_seed(seed))
    }

    /// The libp2p name of the node.
    #[must_use]
    pub fn peer_id(&self) -> PeerId {
        identity::PublicKey::from(self.public.clone()).to_peer_id()
    }

    /// The raw Ed25519 public key.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        self.public.to_bytes()
    }

    /// The secret seed, for whoever signs or starts the network with it.
    #[must_use]
    pub fn seed(&self) -> &[u8; 32] {
        &self.seed
    }
}

fn ed25519_keypair(mut seed: [u8; 32]) -> identity::ed25519::Keypair {
    let secret = identity::ed25519::SecretKey::try_from_bytes(&mut seed).expect("any 32 bytes are an Ed25519 seed");
    identity::ed25519::Keypair::from(secret)
}

/// The key pair of a seed, in the form that the protocols want.
pub(crate) fn keypair(seed: [u8; 32]) -> identity::Keypair {
    identity::Keypair::from(ed25519_keypair(seed))
}

/// The peer id of a raw Ed25519 public key; `None` when the bytes are no point of the curve.
#[must_use]
pub fn peer_id_of(public_key: &[u8; 32]) -> Option<PeerId> {
    let key = identity::ed25519::PublicKey::try_from_bytes(public_key).ok()?;
    Some(identity::PublicKey::from(key).to_peer_id())
}

/// The raw Ed25519 public key inside a peer id; `None` for a peer with another kind of key.
///
/// An Ed25519 peer id is the key's protobuf encoding under the "identity" multihash (libp2p peer-ids
/// specification), so nothing has to be looked up.
#[must_use]
pub fn public_key_of(peer: &PeerId) -> Option<[u8; 32]> {
    let multihash = peer.as_ref();
    if multihash.code() != IDENTITY_MULTIHASH {
        return None;
    }
    let key = identity::PublicKey::try_decode_protobuf(multihash.digest()).ok()?;
    Some(key.try_into_ed25519().ok()?.to_bytes())
}

/// Loads the identity in `path`, or creates one there when there is no such file.
///
/// The folder must exist. Two processes that create at once end up with the same identity.
///
/// # Errors
/// When the file cannot be read or written, is open to others, or is damaged. An existing file is never
/// changed.
pub fn load_or_create(path: &Path) -> Result<Identity, IdentityError> {
    match load(path) {
        Err(IdentityError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => create(path),
        loaded => loaded,
    }
}

fn load(path: &Path) -> Result<Identity, IdentityError> {
    let failed = |action| {
        move |source| IdentityError::Io {
            action,
            path: path.into(),
            source,
        }
    };
    let corrupted = |reason| IdentityError::Corrupted {
        path: path.into(),
        reason,
    };
    let file = fs::File::open(path).map_err(failed("open"))?;
    // The open file is asked, not the path: nobody can swap it in between.
    let metadata = file.metadata().map_err(failed("inspect"))?;
    if !metadata.is_file() {
        return Err(corrupted("it is not a regular file"));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(IdentityError::Permissions {
            path: path.into(),
            mode,
        });
    }
    let mut text = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(failed("read"))?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(corrupted("it is too long"));
    }
    let text = std::str::from_utf8(&text).map_err(|_| corrupted("it is not text"))?;
    parse(text).map(Identity::from_seed).map_err(corrupted)
}

fn parse(text: &str) -> Result<[u8; 32], &'static str> {
    let mut lines = text.lines();
    match lines.next() {
        None => return Err("it is empty"),
        Some(line) if line.trim_end() != HEADER => return Err("its first line is not the header"),
        Some(_) => {}
    }
    let hex = lines.next().ok_or("the key is missing")?.trim();
    if lines.any(|line| !line.trim().is_empty()) {
        return Err("there is something after the key");
    }
    if hex.len() != 64 || !hex.is_ascii() {
        return Err("the key is not 64 hexadecimal digits");
    }
    let mut seed = [0; 32];
    for (byte, digits) in seed.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        let digit = |d: u8| (d as char).to_digit(16);
        let (high, low) = digit(digits[0])
            .zip(digit(digits[1]))
            .ok_or("the key is not 64 hexadecimal digits")?;
        *byte = (high * 16 + low) as u8;
    }
    Ok(seed)
}

fn create(path: &Path) -> Result<Identity, IdentityError> {
    let failed = |action| {
        move |source| IdentityError::Io {
            action,
            path: path.into(),
            source,
        }
    };
    let identity = Identity::generate()?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut tag = [0; 8];
    getrandom::fill(&mut tag).map_err(IdentityError::Randomness)?;
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{:016x}.new", u64::from_be_bytes(tag)));
    let temporary = folder.join(name);

    let written = write_new(&temporary, &identity.seed)
        // A link fails when the name is taken, which a rename would overwrite.
        .and_then(|()| fs::hard_link(&temporary, path));
    // The content is durable under its final name, or the whole attempt failed: either way this goes.
    let removed = fs::remove_file(&temporary);
    match written {
        Ok(()) => {}
        // Another process was faster; its identity is the one.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return load(path),
        Err(error) => return Err(failed("create")(error)),
    }
    removed.map_err(failed("tidy up after"))?;
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed("sync"))?;
    Ok(identity)
}

fn write_new(path: &Path, seed: &[u8; 32]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let hex: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
    file.write_all(format!("{HEADER}\n{hex}\n").as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
