//! The read buffer.
//!
//! A connection that is idle owns no buffer. When bytes arrive they are read into a large one from the pool, which goes
//! back as soon as they are consumed; one serves ten thousand connections, as only one of them runs at a time. What must
//! be kept while a task rests is copied to just its size, and counted: [`memory`](super::memory).

use std::cell::Cell;

/// The size of a read buffer. With 128 KiB a client that sends 16 KiB lines is read eight lines at a time.
pub(crate) const BUFFER: usize = 128 * 1024;

/// The read buffer that nobody uses. More than one is out only while a task holds two streams' input, and then the
/// others are freed. It is zeroed once, when it is made: to do so before each read would cost a fifth of all CPU.
#[derive(Default)]
pub(crate) struct Pool(Cell<Box<[u8]>>);

impl Pool {
    #[inline]
    pub(crate) fn take(&self) -> Box<[u8]> {
        let spare = self.0.take();
        if spare.is_empty() {
            vec![0; BUFFER].into_boxed_slice()
        } else {
            spare
        }
    }

    #[inline]
    pub(crate) fn give(&self, buffer: Box<[u8]>) {
        self.0.set(buffer);
    }
}
