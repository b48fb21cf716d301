//! A client.

use std::io::{self, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

use super::{GREETING, PATIENCE};

/// A connection to the server. Whatever takes longer than [`PATIENCE`] fails the test.
pub struct Client {
    pub socket: Socket,
    /// What was received and not looked at.
    received: Vec<u8>,
}

/// The reply to an ASCII line without quotes, in upper case mode.
pub fn upper(text: &str) -> Vec<u8> {
    format!("Upper-cased: '{}'\r\n", text.to_ascii_uppercase()).into_bytes()
}

impl Client {
    /// # Errors
    /// Nobody listens there.
    pub fn connect(address: &SockAddr) -> io::Result<Client> {
        Client::with_receive_buffer(address, None)
    }

    /// The same with a receive buffer of about so many bytes: one that is soon full.
    pub fn with_receive_buffer(address: &SockAddr, bytes: Option<usize>) -> io::Result<Client> {
        let socket = Socket::new(
            Domain::from(i32::from(address.family())),
            Type::STREAM,
            None,
        )?;
        if let Some(bytes) = bytes {
            socket.set_recv_buffer_size(bytes)?;
        }
        // Not `connect_timeout`, which is for TCP alone: with a time limit on sending, connecting has it too.
        socket.set_write_timeout(Some(PATIENCE))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.connect(address)?;
        if !address.is_unix() {
            socket.set_tcp_nodelay(true)?;
        }
        Ok(Client {
            socket,
            received: Vec::new(),
        })
    }

    /// The same connection once more, for a thread that sends while this one reads.
    pub fn other_hand(&self) -> Client {
        Client {
            socket: self.socket.try_clone().expect("a descriptor"),
            received: Vec::new(),
        }
    }

    /// Reads the greeting.
    #[track_caller]
    pub fn greeted(mut self) -> Client {
        self.expect(GREETING);
        self
    }

    /// What the log calls it.
    pub fn name(&self) -> String {
        let address = self.socket.local_addr().expect("an address");
        address.as_socket().expect("not a Unix socket").to_string()
    }

    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).expect("it is sent");
    }

    /// The same, if the server still takes it. Returns whether it did.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.socket.write_all(bytes.as_ref()).is_ok()
    }

    /// Sends `piece` over and over until nothing is taken any more, or `most` bytes are. Returns how many bytes were.
    #[track_caller]
    pub fn send_until_stuck(&mut self, piece: &[u8], most: usize) -> usize {
        // The peer takes nothing more: that can be seen only by its taking nothing for a while.
        let while_ = Duration::from_millis(500);
        self.socket.set_nonblocking(true).expect("an option");
        let (mut sent, mut moved) = (0, Instant::now());
        while sent < most && moved.elapsed() < while_ {
            match self.socket.write(&piece[sent % piece.len()..]) {
                Ok(n) => (sent, moved) = (sent + n, Instant::now()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    std::thread::sleep(Duration::from_millis(5)); // between two tries
                }
                Err(error) => panic!("after {sent} bytes: {error}"),
            }
        }
        self.socket.set_nonblocking(false).expect("an option");
        sent
    }

    fn fill(&mut self) -> io::Result<bool> {
        let mut piece = vec![0; 65536];
        let n = loop {
            match self.socket.read(&mut piece) {
                // The tests were stopped, and went on: with a time limit that is told.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.received.extend_from_slice(&piece[..n]);
        Ok(n > 0)
    }

    /// Reads so many bytes, or less up to the end.
    #[track_caller]
    pub fn read(&mut self, count: usize) -> Vec<u8> {
        while self.received.len() < count && self.fill().expect("input or its end") {}
        self.received
            .drain(..count.min(self.received.len()))
            .collect()
    }

    /// The same, whatever it is that ends it.
    pub fn read_some(&mut self, count: usize) -> (Vec<u8>, io::Result<()>) {
        let mut end = Ok(());
        while self.received.len() < count && end.is_ok() {
            match self.fill() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => end = Err(error),
            }
        }
        let count = count.min(self.received.len());
        (self.received.drain(..count).collect(), end)
    }

    /// Reads up to and with the next LF, or to the end.
    #[track_caller]
    pub fn read_line(&mut self) -> Vec<u8> {
        let mut searched = 0;
        loop {
            let end = self.received[searched..].iter().position(|&b| b == b'\n');
            if let Some(end) = end {
                return self.received.drain(..=searched + end).collect();
            }
            searched = self.received.len();
            if !self.fill().expect("a line or the end") {
                return std::mem::take(&mut self.received);
            }
        }
    }

    /// The same for a client that may have been cut off: none if the connection was reset.
    #[track_caller]
    pub fn read_reply(&mut self) -> Option<Vec<u8>> {
        loop {
            if self.received.contains(&b'\n') {
                return Some(self.read_line());
            }
            match self.fill() {
                Ok(true) => {}
                Ok(false) => return Some(std::mem::take(&mut self.received)),
                Err(error) if is_reset(&error) => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Reads these bytes and no others.
    #[track_caller]
    pub fn expect(&mut self, expected: impl AsRef<[u8]>) {
        let expected = expected.as_ref();
        let got = self.read(expected.len());
        assert_eq!(show(&got), show(expected));
    }

    /// Reads to the end, which must be a clean one.
    #[track_caller]
    pub fn rest(&mut self) -> Vec<u8> {
        let (rest, end) = self.rest_and_end();
        if let Err(error) = end {
            panic!("after {:?}: {error}", show(&rest));
        }
        rest
    }

    /// Reads to the end, whatever that is.
    pub fn rest_and_end(&mut self) -> (Vec<u8>, io::Result<()>) {
        let deadline = Instant::now() + PATIENCE;
        let end = loop {
            match self.fill() {
                Ok(true) if Instant::now() < deadline => {}
                Ok(true) => break Err(ErrorKind::TimedOut.into()),
                Ok(false) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        (std::mem::take(&mut self.received), end)
    }

    /// Waits for the end of the connection, clean or by a reset, whatever comes before it.
    #[track_caller]
    pub fn is_closed(&mut self) {
        let (_, end) = self.rest_and_end();
        if let Err(error) = end {
            assert!(is_reset(&error), "{error}");
        }
    }

    /// Sends a line and reads the reply to it.
    #[track_caller]
    pub fn ask(&mut self, text: &str) {
        self.send(format!("{text}\n"));
        self.expect(upper(text));
    }

    /// Whether there is nothing to read now, and no end either.
    pub fn is_silent(&mut self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        self.socket.set_nonblocking(true).expect("an option");
        let peeked = self.socket.peek(&mut byte);
        self.socket.set_nonblocking(false).expect("an option");
        self.received.is_empty() && peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    /// Ends the sending side.
    pub fn half_close(&mut self) {
        self.socket.shutdown(Shutdown::Write).expect("it is open");
    }

    /// The same, if the server has not closed it.
    pub fn half_close_if_open(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// Closes with a reset.
    pub fn reset(self) {
        self.socket
            .set_linger(Some(Duration::ZERO))
            .expect("an option");
    }
}

fn is_reset(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    )
}

/// Bytes as one reads them, cut if there are many.
pub fn show(bytes: &[u8]) -> String {
    let shown = bytes[..bytes.len().min(600)].escape_ascii();
    match bytes.len() {
        ..=600 => shown.to_string(),
        n => format!("{shown}... ({n} bytes, hash {:x})", hash(bytes)),
    }
}

/// So that two long texts that differ far behind are shown as different.
fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        })
}
