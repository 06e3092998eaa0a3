//! One process per data folder.
//!
//! The lock is an advisory lock on an open file (`flock` on Unix), not the existence of the file: it vanishes with the
//! process however that ends, so no stale lock ever has to be removed by hand. It also refuses a second store in the
//! same process. The process id in the file is only for the message.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use crate::error::StoreError;
use crate::{LOCK_FILE, files};

/// Holds the data folder until it is dropped.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock or says who has it.
    pub(crate) fn take(data_dir: &Path) -> Result<Self, StoreError> {
        let path = data_dir.join(LOCK_FILE);
        let mut file = files::open_private(&path).map_err(|e| StoreError::io("open the lock file", &path, e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked {
                    path: data_dir.to_owned(),
                    pid: read_pid(&mut file),
                });
            }
            Err(TryLockError::Error(e)) => return Err(StoreError::io("lock", &path, e)),
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()));
        match written.map_err(|e| StoreError::io("write the lock file", &path, e)) {
            // A full disk must not keep a node from opening what it has: the lock itself is held.
            Ok(()) | Err(StoreError::Full { .. }) => Ok(Self { _file: file }),
            Err(e) => Err(e),
        }
    }
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
