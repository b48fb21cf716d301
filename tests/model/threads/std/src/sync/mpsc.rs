//! The standard library's own queues; only waiting is another's.

pub use ::std::sync::mpsc::*;
use ::std::time::Duration;

use crate::world::{NEVER, after, stir, switch, wait};

/// The sending end.
#[derive(Debug)]
pub struct Sender<T>(Option<::std::sync::mpsc::Sender<T>>);

/// The receiving end.
#[derive(Debug)]
pub struct Receiver<T>(::std::sync::mpsc::Receiver<T>);

pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = ::std::sync::mpsc::channel();
    (Sender(Some(sender)), Receiver(receiver))
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender(self.0.clone())
    }
}

impl<T> Sender<T> {
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        switch();
        let sent = match &self.0 {
            Some(sender) => sender.send(message),
            None => Err(SendError(message)),
        };
        stir();
        sent
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        switch();
        self.0 = None;
        stir();
    }
}

impl<T> Receiver<T> {
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        switch();
        self.0.try_recv()
    }

    pub fn recv(&self) -> Result<T, RecvError> {
        self.receive(NEVER).map_err(|_| RecvError)
    }

    pub fn recv_timeout(&self, patience: Duration) -> Result<T, RecvTimeoutError> {
        self.receive(after(patience))
    }

    fn receive(&self, deadline: Duration) -> Result<T, RecvTimeoutError> {
        let look = || match self.0.try_recv() {
            Ok(message) => Some(Ok(message)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(RecvTimeoutError::Disconnected)),
        };
        wait(deadline, look).unwrap_or(Err(RecvTimeoutError::Timeout))
    }

    pub fn iter(&self) -> impl Iterator<Item = T> {
        std::iter::from_fn(|| self.recv().ok())
    }

    pub fn try_iter(&self) -> impl Iterator<Item = T> {
        std::iter::from_fn(|| self.try_recv().ok())
    }
}
