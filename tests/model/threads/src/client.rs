//! A client.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use std::world;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};

use socket2::{Domain, Socket, Type};

use crate::protocol::messages::GREETING;

/// No client of a sound server waits as long.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Client(TcpStream);

/// What a client got, and how it ended.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) bytes: Vec<u8>,
    pub(crate) end: io::Result<()>,
}

impl Client {
    pub(crate) fn connect(to: SocketAddr) -> Option<Client> {
        world::switch();
        let stream = TcpStream::connect(to).ok();
        world::stir();
        // When nobody listens any more the kernel may choose that very port for the client, who then talks to himself.
        stream
            .filter(|stream| stream.local_addr().ok() != Some(to))
            .map(Client)
    }

    /// One that has hardly any room for what it does not read.
    pub(crate) fn connect_narrow(to: SocketAddr) -> io::Result<Client> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
        socket.set_recv_buffer_size(4096)?;
        socket.connect(&to.into())?;
        world::stir();
        Ok(Client(socket.into()))
    }

    /// Sends what it can: whether the server took all of it before everybody waited.
    pub(crate) fn send_now(&self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            match send(&self.0, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(count) => bytes = &bytes[count..],
                Err(Errno::AGAIN) => {
                    if !self.wait(PollFlags::OUT, Duration::from_secs(1)) {
                        return false;
                    }
                }
                Err(error) => panic!("{error}"),
            }
        }
        true
    }

    /// Whether all of it was taken.
    pub(crate) fn send(&self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            match send(&self.0, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(count) => bytes = &bytes[count..],
                Err(Errno::AGAIN) => drop(self.wait(PollFlags::OUT, PATIENCE)),
                Err(_) => return false,
            }
        }
        true
    }

    /// Ends its own side.
    pub(crate) fn end_of_input(&self) {
        let _ = shutdown(&self.0, Shutdown::Write);
    }

    fn wait(&self, flags: PollFlags, patience: Duration) -> bool {
        let limit = Timespec::try_from(patience).expect("it fits");
        let mut entry = [PollFd::new(&self.0, flags)];
        poll(&mut entry, Some(&limit)).expect("polled") > 0
    }

    /// Reads until there are so many bytes, or the end.
    pub(crate) fn read(&self, most: usize) -> Got {
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        let end = loop {
            if bytes.len() >= most {
                break Ok(());
            }
            let room = most.saturating_sub(bytes.len()).min(buffer.len());
            match recv(&self.0, &mut buffer[..room], RecvFlags::DONTWAIT) {
                Ok((0, _)) => break Ok(()),
                Ok((count, _)) => {
                    bytes.extend_from_slice(&buffer[..count]);
                    world::stir();
                }
                Err(Errno::AGAIN) if self.wait(PollFlags::IN, PATIENCE) => {}
                Err(Errno::AGAIN) => break Err(io::ErrorKind::TimedOut.into()),
                Err(error) => break Err(error.into()),
            }
        };
        Got { bytes, end }
    }

    /// Reads to the end.
    pub(crate) fn read_all(&self) -> Got {
        self.read(usize::MAX)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = shutdown(&self.0, Shutdown::Both);
    }
}

/// What a client that sends the lines `x0` to `x{count - 1}` gets, if all is well.
pub(crate) fn replies(count: usize) -> Vec<u8> {
    let mut replies = GREETING.to_vec();
    for n in 0..count {
        replies.extend_from_slice(format!("Upper-cased: 'X{n}'\r\n").as_bytes());
    }
    replies
}

pub(crate) fn line(n: usize) -> Vec<u8> {
    format!("x{n}\n").into_bytes()
}
