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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// A read that found nothing.
        Look,
        /// A read whose input a stream takes along.
        Take,
        Give,
    }

    proptest! {
        /// Of however many are out, in whatever order they come back, the last is kept and is the next to be used.
        #[test]
        fn the_last_one_back_is_the_next_one_out(
            steps in prop::collection::vec((prop::sample::select(&[Step::Look, Step::Take, Step::Give]), any::<prop::sample::Index>()), 0..60),
        ) {
            let (pool, mut out) = (Pool::default(), Vec::new());
            // A buffer is known by the number that was written into it; 0: a new one.
            let (mut number, mut kept) = (0, 0);
            for (step, which) in steps {
                match step {
                    Step::Give if out.is_empty() => {}
                    Step::Give => {
                        let (own, buffer): (u8, Box<[u8]>) = out.swap_remove(which.index(out.len()));
                        prop_assert_eq!(buffer[0], own, "two had one buffer");
                        pool.give(buffer);
                        kept = own;
                    }
                    Step::Look | Step::Take => {
                        let mut buffer = pool.borrow_mut();
                        prop_assert_eq!((buffer.len(), buffer[0]), (BUFFER, kept));
                        number += 1;
                        (buffer[0], kept) = (number, number);
                        drop(buffer);
                        if let Step::Take = step {
                            out.push((number, pool.take()));
                            kept = 0;
                        }
                    }
                }
            }
        }
    }
}
