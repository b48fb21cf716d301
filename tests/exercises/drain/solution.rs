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
    patience: Duration,
) -> usize {
    let clients = TaskGroup::new(&handle);
    while let Either::First(Ok((stream, _))) = select(listener.accept(), shutdown.wait()).await {
        let shutdown = shutdown.clone();
        clients.spawn(async move {
            let _ = echo(stream, shutdown).await;
        });
    }
    drop(listener);
    clients.join(handle.now() + patience).await;
    clients.cancel()
}

async fn echo(mut stream: Stream, shutdown: Event) -> io::Result<()> {
    // What is read already is answered first; to wait for more is what ends.
    while let Either::First(more) = select(stream.fill(), shutdown.wait()).await {
        if !more? {
            break;
        }
        stream.writer().write(stream.input());
        stream.consume(stream.input().len());
    }
    stream.flush().await
}
