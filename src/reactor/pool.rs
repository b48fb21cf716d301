//! The read buffer.
//!
//! A connection that is idle owns no buffer. When bytes arrive they are read into a large one from the pool, which goes
//! back as soon as they are consumed; one serves ten thousand connections, as only one of them runs at a time. What must
//! be kept while a task rests is copied to just its size, and counted: [`memory`](super::memory).

use std::cell::{RefCell, RefMut};

/// The size of a read buffer. With 128 KiB a client that sends 16 KiB lines is read eight lines at a time.
pub(crate) const BUFFER: usize = 128 * 1024;

/// The read buffer that nobody uses. More than one is out only while a task holds two streams' input, and then the
/// others are freed. It is zeroed once, when it is made: to do so before each read would cost a fifth of all CPU.
#[derive(Default)]
pub(crate) struct Pool(RefCell<Box<[u8]>>);

impl Pool {
    /// The buffer where it is, to read into.
    #[inline]
    pub(crate) fn borrow_mut(&self) -> RefMut<'_, Box<[u8]>> {
        let mut buffer = self.0.borrow_mut();
        if buffer.is_empty() {
            *buffer = vec![0; BUFFER].into_boxed_slice();
        }
        buffer
    }

    /// The buffer, for the stream whose input is in it.
    #[inline]
    pub(crate) fn take(&self) -> Box<[u8]> {
        self.0.take()
    }

    #[inline]
    pub(crate) fn give(&self, buffer: Box<[u8]>) {
        self.0.replace(buffer);
    }
}
