//! Connecting.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::driver::{Ready, Remote};
use super::handle::Handle;
use super::source::{OUTPUT, Source};
use super::stream::Stream;

impl Stream {
    /// Connects. Dropping the future gives it up.
    ///
    /// # Errors
    /// The system's, at once or when the outcome is known.
    pub async fn connect(handle: &Handle, to: &Remote) -> io::Result<Stream> {
        let core = &handle.0;
        let short_read_ends = matches!(to, Remote::Tcp(..));
        let source = |_| Source::new(Ready::NONE, short_read_ends, core.now.get());
        let id = core.sources.borrow_mut().insert_with(source);
        let stream = Stream::new(core, id); // closes the source, whatever happens
        core.driver.borrow_mut().connect(id, to)?;
        Connected(&stream).await?;
        Ok(stream)
    }
}

/// The outcome of a connect. Borrows the stream. Wakes when the socket becomes writable or fails.
struct Connected<'a>(&'a Stream);

impl Future for Connected<'_> {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Stream { core, id, .. } = self.0;
        // Writable says that there is an outcome, not which: the error must be asked for, and the peer's address.
        let outcome = || match core.driver.borrow_mut().connected(*id) {
            Ok(false) => Err(io::ErrorKind::WouldBlock.into()),
            outcome => outcome.map(drop),
        };
        core.poll_with(*id, OUTPUT, cx, |source| source.attempt(OUTPUT, outcome))
    }
}
