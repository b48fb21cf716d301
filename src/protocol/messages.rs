//! What the server says besides cased text.
//!
//! The greeting ends in a bare line feed, everything else in CR LF: clients of the original server
//! depend on both.

use std::io::Write;

/// The first thing a client reads, before it has sent anything.
pub const GREETING: &[u8] = b"<welcome: starting in upper case mode>\n";
/// The answer to `title` in upper case mode.
pub const TO_TITLE: &[u8] = b"<switching to title case mode>\r\n";
/// The answer to `upper` in title case mode.
pub const TO_UPPER: &[u8] = b"<switching to upper case mode>\r\n";
/// The answer to `quit`, the last thing that client reads.
pub const QUIT: &[u8] = b"quit\r\n";
/// Instead of the greeting, where there is no place left.
pub const SERVER_FULL: &[u8] = b"<server full: try again later>\r\n";
/// The farewell to a client that has been silent for too long.
pub const IDLE_TIMEOUT: &[u8] = b"<idle timeout>\r\n";
/// The farewell to the client that holds the most memory, when all of it is spent.
pub const OUT_OF_MEMORY: &[u8] = b"<server out of memory: try again later>\r\n";

/// Appends the answer to a line of more than `limit` bytes.
pub fn line_too_long(limit: usize, out: &mut Vec<u8>) {
    write!(out, "<line too long: limit is {limit} bytes>\r\n").expect("a Vec takes every write");
}

/// Appends the answer to a line that is not UTF-8; `at` is the offset in the line, from 0, of the
/// first byte to blame.
pub fn invalid_utf8(at: usize, out: &mut Vec<u8>) {
    write!(out, "<invalid UTF-8 at byte {at}>\r\n").expect("a Vec takes every write");
}
