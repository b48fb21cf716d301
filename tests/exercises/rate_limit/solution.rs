use std::io;
use std::time::Duration;

use nbcaser::reactor::{Handle, Stream, sleep};

#[path = "tests.rs"]
pub(crate) mod tests;

/// Sends each line back, but no more than `rate` lines a second: `rate` of them at once, if there were none for a
/// second; and then one each time that the `rate`th part of a second has passed.
pub(crate) async fn echo(handle: Handle, mut stream: Stream, rate: u32) -> io::Result<()> {
    let gap = Duration::from_secs(1) / rate;
    // When the next line would be due if they came evenly. It may come a burst earlier.
    let mut even = handle.now();
    let mut line = Vec::new();
    while stream.read_line(&mut line, 1000).await? {
        even = even.max(handle.now());
        let ahead = even.since(handle.now());
        sleep(&handle, ahead.saturating_sub(gap * (rate - 1))).await;
        even = even + gap;
        stream.write_all(&line).await?;
        line.clear();
    }
    Ok(())
}
