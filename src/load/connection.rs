//! One connection: how it is made, and a question and its answer, one at a time.

use std::io;
use std::rc::Rc;

use super::dialogue::Mismatch;
use super::run::Run;
use super::trouble::Trouble;
use crate::protocol::messages::{GREETING, SERVER_FULL};
use crate::reactor::{Stream, Time, Writer, timeout};

/// The most bytes of a wrong line that are waited for.
const LINE: usize = 4096;

/// Why a connection came to its end.
pub(super) enum Failure {
    /// In some way that is only counted.
    Trouble(Trouble),
    /// By a wrong reply.
    Wrong(Mismatch),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Trouble(Trouble::from(&error))
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Failure {
        Failure::Trouble(trouble)
    }
}

/// A connection that was greeted.
pub(super) struct Connection {
    pub(super) run: Rc<Run>,
    pub(super) stream: Stream,
    pub(super) writer: Writer,
    /// When it was begun.
    pub(super) begun: Time,
}

impl Connection {
    /// Connects and takes the greeting.
    pub(super) async fn open(run: &Rc<Run>) -> Result<Connection, Failure> {
        let opened = Connection::try_open(run).await;
        run.count_connect(opened.is_ok());
        opened
    }

    async fn try_open(run: &Rc<Run>) -> Result<Connection, Failure> {
        let begun = run.handle.now();
        let connect = timeout(
            &run.handle,
            run.plan.timeout,
            run.target.connect(&run.handle),
        );
        let stream = connect.await.ok_or(Trouble::Timeout)??;
        let connected = run.handle.now();
        stream.read_ahead();
        let writer = stream.writer();
        let mut connection = Connection {
            run: Rc::clone(run),
            stream,
            writer,
            begun,
        };
        let greeted = match connection.expect(GREETING).await {
            Err(Failure::Wrong(mismatch)) if mismatch.got == SERVER_FULL => {
                return Err(Trouble::ServerFull.into());
            }
            greeted => greeted?,
        };
        if begun >= run.counts_from.get() {
            let mut tally = run.tally.borrow_mut();
            tally.connects.saturating_record(nanos(begun, connected));
            tally.greetings.saturating_record(nanos(begun, greeted));
        }
        Ok(connection)
    }

    /// Sends a line; tells when.
    pub(super) fn say(&self, line: &[u8]) -> Time {
        self.writer.write(line);
        self.run.handle.now()
    }

    /// Waits for exactly these bytes, but not for ever; tells when they were there.
    pub(super) async fn expect(&mut self, expected: &[u8]) -> Result<Time, Failure> {
        let (handle, patience) = (self.run.handle.clone(), self.run.plan.timeout);
        let heard = timeout(&handle, patience, self.hear(expected)).await;
        heard.unwrap_or(Err(Trouble::Timeout.into()))?;
        Ok(handle.now())
    }

    /// Waits for the server's end, but not for ever.
    pub(super) async fn expect_end(&mut self) -> Result<Time, Failure> {
        let (handle, patience) = (self.run.handle.clone(), self.run.plan.timeout);
        match timeout(&handle, patience, self.stream.fill()).await {
            None => Err(Trouble::Timeout.into()),
            Some(Ok(true)) => Err(Failure::Wrong(Mismatch::new(b"", self.stream.input()))),
            Some(ended) => ended.map(|_| handle.now()).map_err(Failure::from),
        }
    }

    async fn hear(&mut self, expected: &[u8]) -> Result<(), Failure> {
        let mut missing = expected;
        while !missing.is_empty() {
            if !self.stream.fill().await? {
                return Err(Trouble::ClosedEarly.into());
            }
            let input = self.stream.input();
            let length = input.len().min(missing.len());
            if input[..length] != missing[..length] {
                let right = &expected[..expected.len() - missing.len()];
                return Err(self.wrong(expected, right.to_vec()).await);
            }
            missing = &missing[length..];
            self.stream.consume(length);
        }
        Ok(())
    }

    /// Waits for the rest of a line that is wrong, to show it.
    async fn wrong(&mut self, expected: &[u8], mut got: Vec<u8>) -> Failure {
        let _ = self.stream.read_line(&mut got, LINE).await;
        Failure::Wrong(Mismatch::new(expected, &got))
    }
}

/// From one time to another, as the histograms have it.
pub(super) fn nanos(from: Time, to: Time) -> u64 {
    to.as_nanos().saturating_sub(from.as_nanos())
}
