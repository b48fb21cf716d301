use std::io;
use std::time::Duration;

use nbcaser::reactor::sync::Event;
use nbcaser::reactor::{Either, Handle, Listener, Stream, TaskGroup, select};

#[path = "tests.rs"]
pub(crate) mod tests;

/// Serves until `shutdown`. Then nobody is let in any more, no more input is read, and the replies that wait are
/// delivered: within `patience`, or they are cut off. Tells how many clients were.
pub(crate) async fn serve(
    handle: Handle,
    listener: Listener,
    shutdown: Event,
    _patience: Duration,
) -> usize {
    let clients = TaskGroup::new(&handle);
    while let Either::First(Ok((stream, _))) = select(listener.accept(), shutdown.wait()).await {
        clients.spawn(async move {
            let _ = echo(stream).await;
        });
    }
    // Here is something missing: patience.
    clients.cancel()
}

async fn echo(mut stream: Stream) -> io::Result<()> {
    while stream.fill().await? {
        stream.writer().write(stream.input());
        stream.consume(stream.input().len());
    }
    stream.flush().await
}
