use std::io;

use nbcaser::reactor::{Handle, Stream};

#[path = "tests.rs"]
pub(crate) mod tests;

/// Sends each line back, but no more than `rate` lines a second: `rate` of them at once, if there were none for a
/// second; and then one each time that the `rate`th part of a second has passed.
pub(crate) async fn echo(_handle: Handle, mut stream: Stream, _rate: u32) -> io::Result<()> {
    let mut line = Vec::new();
    while stream.read_line(&mut line, 1000).await? {
        // Here is something missing: a rest.
        stream.write_all(&line).await?;
        line.clear();
    }
    Ok(())
}
