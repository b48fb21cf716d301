//! Parting with a client: what is owed to it is sent, it is told why, and it gets the time to read it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::client::Client;
use crate::protocol::LineBuffer;
use crate::protocol::messages::{IDLE_TIMEOUT, OUT_OF_MEMORY};
use crate::reactor::{Sleep, sleep, timeout};
use crate::server::limits::{LINGER, LINGER_BYTES, QUIET};

impl Client {
    /// Ends the connection after its dialogue: says why if the dialogue failed, and lingers.
    pub(super) async fn part(&mut self, dialogue: io::Result<()>) {
        let farewell = match dialogue {
            Ok(()) => None,
            Err(error) if error.kind() == io::ErrorKind::TimedOut && self.is_idle() => {
                Some(IDLE_TIMEOUT)
            }
            Err(error) if error.kind() == io::ErrorKind::OutOfMemory => {
                let worker = &self.worker;
                worker.trouble.warn(
                    worker.handle.now(),
                    "the memory limit is reached, a client is sent away",
                    self.peer(),
                );
                Some(OUT_OF_MEMORY)
            }
            // The connection is broken: there is nobody to talk to.
            Err(error) => return log::debug!("{}: {error}", self.peer()),
        };
        if let Some(farewell) = farewell {
            self.send_away(farewell).await;
        }
        if !self.ended {
            self.linger().await;
        }
    }

    /// Lets go of the input that was read, and of its memory.
    pub(super) fn forget_input(&mut self) {
        self.stream.consume(self.stream.buffered());
        self.lines = LineBuffer::new(0);
        self.stream.keep(0);
    }

    /// Says a last word to one who may not listen, in place of what is unsent, but not in the middle of a reply.
    pub(super) async fn send_away(&mut self, farewell: &[u8]) {
        self.forget_input();
        if self
            .stream
            .discard_output()
            .is_none_or(|last| last == b'\n')
        {
            self.stream.expect_room();
            self.stream.end_follows();
            self.writer().write(farewell);
            let handle = self.worker.handle.clone();
            // Boxed, for every client has room for all that its session may ever wait for: 120 bytes each, for this one.
            if Box::pin(timeout(&handle, LINGER, self.stream.flush()))
                .await
                .is_none()
            {
                self.stream.expect_room(); // there may be some that was not told of
            }
        }
    }

    /// Ends the sending side and discards input until the client ends its own.
    ///
    /// A socket that is closed with unread input, or that gets some afterwards, sends a reset, and that takes from the
    /// client the replies that it has not read yet.
    pub(super) fn linger(&mut self) -> Linger<'_> {
        // A last word that it has not taken by now; and while output waits nothing would be read.
        self.stream.discard_output();
        let patience = sleep(&self.worker.handle, LINGER);
        self.worker.parting.set(self.worker.parting.get() + 1);
        let broken = self.stream.shutdown().is_err();
        Linger {
            client: self,
            patience,
            bytes: LINGER_BYTES,
            draining: false,
            broken,
        }
    }
}

/// See [`Client::linger`].
pub(super) struct Linger<'a> {
    client: &'a mut Client,
    patience: Sleep,
    bytes: usize,
    draining: bool,
    broken: bool,
}

impl Future for Linger<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Linger {
            client,
            patience,
            bytes,
            draining,
            broken,
        } = &mut *self;
        let handle = &client.worker.handle;
        if !*draining && client.worker.shutdown.is_set() {
            *draining = true;
            patience.reset(handle.now() + QUIET);
        }
        while !*broken && let Poll::Ready(more) = client.stream.poll_fill(cx, usize::MAX) {
            let count = client.stream.buffered();
            client.stream.consume(count);
            *bytes = bytes.saturating_sub(count);
            *broken = !matches!(more, Ok(true)) || *bytes == 0 && !*draining;
            if *draining {
                patience.reset(handle.now() + QUIET);
            }
        }
        if *broken {
            Poll::Ready(())
        } else {
            Pin::new(patience).poll(cx)
        }
    }
}

impl Drop for Linger<'_> {
    fn drop(&mut self) {
        let parting = &self.client.worker.parting;
        parting.set(parting.get() - 1);
    }
}
