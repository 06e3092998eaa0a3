//! Values that follow from a part of the state and are asked for again and again.
//!
//! A memo is no part of the state: two states are the same whether or not somebody has asked. Whoever changes what it
//! follows from forgets it.

use std::fmt;
use std::sync::OnceLock;

/// A value that is worked out when it is first asked for.
pub(crate) struct Memo<T>(OnceLock<T>);

impl<T> Memo<T> {
    /// The value, worked out now if it is not known.
    pub(crate) fn get_or(&self, work_out: impl FnOnce() -> T) -> &T {
        self.0.get_or_init(work_out)
    }

    /// What it follows from has changed.
    pub(crate) fn forget(&mut self) {
        self.0.take();
    }
}

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Memo(OnceLock::new())
    }
}

impl<T: Clone> Clone for Memo<T> {
    fn clone(&self) -> Self {
        Memo(self.0.clone())
    }
}

impl<T> PartialEq for Memo<T> {
    /// Always: what is remembered makes no difference.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for Memo<T> {}

impl<T> fmt::Debug for Memo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}
