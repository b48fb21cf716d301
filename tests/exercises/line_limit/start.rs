use std::io;

use nbcaser::reactor::Stream;

#[path = "tests.rs"]
pub(crate) mod tests;

/// Sends each line back. In place of one that is longer than `limit`, without its end, it says `too long`: as soon as
/// that is known, once, and goes on with the next line. No more than about `limit` bytes are kept.
pub(crate) async fn echo(mut stream: Stream, _limit: usize) -> io::Result<()> {
    let mut line = Vec::new();
    // Here is something missing: the limit.
    while stream.read_line(&mut line, usize::MAX).await? {
        stream.write_all(&line).await?;
        line.clear();
    }
    Ok(())
}
