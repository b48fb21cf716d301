//! Reading and writing as one knows it: futures made of [`fill`](Stream::fill) and [`flush`](Stream::flush).

use std::future::poll_fn;
use std::io;

use super::source::{BYTES, CALL, HIGH_WATER};
use super::stream::Stream;

/// What a line counts against its task's budget.
const LINE: i64 = 50;

impl Stream {
    /// Writes all of `bytes` and waits until the kernel took them. Dropped, it has written some of them or all; none is
    /// written twice.
    ///
    /// # Errors
    /// Those of the socket, this write's or an earlier one's.
    pub async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(HIGH_WATER) {
            poll_fn(|cx| self.poll_in_order(cx)).await?;
            self.core.spend(CALL + (piece.len() / BYTES) as i64);
            self.core
                .stage(self.id, |staged| staged.extend_from_slice(piece));
            self.flush().await?;
        }
        Ok(())
    }

    /// Reads into `buf`; 0 is the end of input. Dropping the future loses nothing.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if !self.fill().await? {
            return Ok(0);
        }
        let n = buf.len().min(self.input().len());
        buf[..n].copy_from_slice(&self.input()[..n]);
        self.consume(n);
        self.core.spend((n / BYTES) as i64);
        Ok(n)
    }

    /// Appends to `line` what is left up to and with the next LF, or to the end of input; `false`: there was nothing.
    ///
    /// Dropped, it has put what it consumed into `line`: call again with the same and nothing is lost.
    ///
    /// # Errors
    /// Those of the socket, and `InvalidData` once `line` is longer than `limit`.
    pub async fn read_line(&mut self, line: &mut Vec<u8>, limit: usize) -> io::Result<bool> {
        while self.fill().await? {
            let input = self.input();
            let (n, end) = match memchr::memchr(b'\n', input) {
                Some(at) => (at + 1, true),
                None => (input.len(), false),
            };
            line.extend_from_slice(&input[..n]);
            self.consume(n);
            self.core.spend(LINE + (n / BYTES) as i64);
            if line.len() > limit {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the line is too long",
                ));
            }
            if end {
                return Ok(true);
            }
        }
        Ok(!line.is_empty())
    }
}
