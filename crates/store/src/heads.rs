//! The file of the last known heads: how long each feed was when it was last looked at, kept beside the database.
//!
//! A hash chain shows what was changed in it, but not that its end was cut off: what is left is a sound, shorter chain. So
//! something outside the database has to say how far the chain went. The file is written by rename after what it says is on the disk
//! ([`crate::Store::flush`]), so it is never ahead of the database, whatever crashes; and a folder that was set back as a whole
//! is set back with it, which only a copy elsewhere shows.
//!
//! The digest in it tells damage from another content. It is no signature: whoever may write the file may write the database, and
//! the node's key lies in the same folder.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::backup::ManifestHead;
use crate::error::{StoreError, hex};
use crate::types::{FeedId, Head};
use crate::{HEADS_FILE, files};

/// Where the next version of the file is written; left behind only by a crash, and then replaced.
pub(crate) const DRAFT_FILE: &str = "heads.json.partial";
/// Version of the file.
const FORMAT: u32 = 1;
/// A larger file is not one of ours: this is room for more than 100,000 feeds.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
struct Noted {
    format: u32,
    heads: Vec<ManifestHead>,
    /// Over the JSON of `heads`, without spaces, in hexadecimal.
    sha256: String,
}

/// Reads the heads that were noted in a data folder; none when no file is there. Blocks.
///
/// # Errors
/// [`StoreError::Heads`] when it is damaged, [`StoreError::Io`] when it cannot be read.
pub fn read_heads(data_dir: &Path) -> Result<Option<Vec<Head>>, StoreError> {
    let path = data_dir.join(HEADS_FILE);
    let damaged = |detail: String| StoreError::Heads {
        path: path.clone(),
        detail,
    };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(StoreError::io("read", &path, e)),
    };
    let mut json = Vec::new();
    file.take(MAX_BYTES)
        .read_to_end(&mut json)
        .map_err(|e| StoreError::io("read", &path, e))?;
    let noted: Noted = serde_json::from_slice(&json).map_err(|e| damaged(e.to_string()))?;
    if noted.format != FORMAT {
        return Err(damaged(format!(
            "it has format {}, this build knows {FORMAT}",
            noted.format
        )));
    }
    if noted.sha256 != digest(&noted.heads).map_err(|e| damaged(e.to_string()))? {
        return Err(damaged("its digest is not that of its heads".to_owned()));
    }
    let heads = noted.heads.iter().map(|head| Head::try_from(head).map_err(damaged));
    heads.collect::<Result<_, _>>().map(Some)
}

/// Notes heads that are on the disk, in place of those that were noted before. Blocks.
///
/// # Errors
/// [`StoreError::Io`] and [`StoreError::Full`]; the file before then stays.
pub fn write_heads(data_dir: &Path, heads: &[Head]) -> Result<(), StoreError> {
    let path = data_dir.join(HEADS_FILE);
    let draft = data_dir.join(DRAFT_FILE);
    let failed = |e: std::io::Error| StoreError::io("write", &draft, e);
    let heads: Vec<ManifestHead> = heads.iter().map(ManifestHead::from).collect();
    let sha256 = digest(&heads).map_err(|e| failed(e.into()))?;
    let noted = Noted {
        format: FORMAT,
        heads,
        sha256,
    };
    let json = serde_json::to_vec_pretty(&noted).map_err(|e| failed(e.into()))?;
    let mut file = files::create_private(&draft).map_err(failed)?;
    file.write_all(&json).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&draft, &path).map_err(|e| StoreError::io("create", &path, e))?;
    files::sync_dir(data_dir).map_err(|e| StoreError::io("write", data_dir, e))
}

fn digest(heads: &[ManifestHead]) -> Result<String, serde_json::Error> {
    Ok(hex(&Sha256::digest(serde_json::to_vec(heads)?)))
}

impl TryFrom<&ManifestHead> for Head {
    type Error = String;

    fn try_from(head: &ManifestHead) -> Result<Self, String> {
        Ok(Self {
            feed: FeedId {
                project: unhex(&head.project)?,
                node: unhex(&head.node)?,
                incarnation: head.incarnation,
            },
            seq: head.seq,
            hash: unhex(&head.hash)?,
        })
    }
}

fn unhex(text: &str) -> Result<[u8; 32], String> {
    let bad = || format!("{text:?} is not 64 hexadecimal digits");
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return Err(bad());
    }
    let mut out = [0; 32];
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16).ok_or_else(bad);
        *byte = (digit(0)? * 16 + digit(1)?) as u8;
    }
    Ok(out)
}
