use std::io;

use nbcaser::reactor::Stream;

#[path = "tests.rs"]
pub(crate) mod tests;

/// Sends each line back. In place of one that is longer than `limit`, without its end, it says `too long`: as soon as
/// that is known, once, and goes on with the next line. No more than about `limit` bytes are kept.
pub(crate) async fn echo(mut stream: Stream, limit: usize) -> io::Result<()> {
    let (mut line, mut told) = (Vec::new(), false);
    while stream.fill().await? {
        let input = stream.input();
        let end = input.iter().position(|&byte| byte == b'\n');
        let count = end.unwrap_or(input.len());
        if !told && line.len() + count <= limit {
            line.extend_from_slice(&input[..count]);
        } else if !told {
            stream.writer().write(b"too long\n");
            told = true;
        }
        if end.is_none() {
            stream.consume(count);
            continue;
        }
        stream.consume(count + 1);
        if !told {
            line.push(b'\n');
            stream.write_all(&line).await?;
        }
        line.clear();
        told = false;
    }
    stream.flush().await
}
