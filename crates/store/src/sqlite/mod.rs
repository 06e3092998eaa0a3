//! The SQLite back end: one file in write-ahead-log mode.

mod apply;
pub(crate) mod open;
mod read;
pub(crate) mod schema;
mod write;

use std::io;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Error, ErrorCode};

pub(crate) use read::SqliteReader;
pub(crate) use write::SqliteWriter;

use crate::error::StoreError;

/// Puts an answer of SQLite into the words of the store.
pub(crate) fn sql_error(action: &'static str, path: &Path, error: &Error) -> StoreError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full { path },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt {
            path,
            detail: error.to_string(),
        },
        Some(
            ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::NoLargeFileSupport,
        ) => StoreError::Io {
            action,
            path,
            source: Arc::new(io::Error::other(error.to_string())),
        },
        Some(_) => StoreError::Database {
            action,
            path,
            detail: error.to_string(),
        },
        None => match error {
            // A column of another type or length than the schema writes: somebody changed the file.
            Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..)
            | Error::Utf8Error(..) => StoreError::Corrupt {
                path,
                detail: error.to_string(),
            },
            _ => StoreError::Database {
                action,
                path,
                detail: error.to_string(),
            },
        },
    }
}

/// Stores all 64 bits; only values below 2^63 keep their order.
pub(crate) fn to_db(value: u64) -> i64 {
    value.cast_signed()
}

/// The inverse of [`to_db`].
pub(crate) fn from_db(value: i64) -> u64 {
    value.cast_unsigned()
}
