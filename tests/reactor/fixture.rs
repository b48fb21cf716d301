//! A reactor on a simulated world, and a log of what happened.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use nbcaser::reactor::sim::{Peer, Sim};
use nbcaser::reactor::{Endpoint, Handle, Listener, MemoryLimit, Reactor, Stream};

/// The reactor, first to be dropped, and its world.
pub(crate) struct Fixture {
    pub(crate) reactor: Reactor,
    pub(crate) handle: Handle,
    pub(crate) sim: Sim,
}

pub(crate) fn fixture() -> Fixture {
    fixture_with(MemoryLimit::default())
}

pub(crate) fn fixture_with(memory: MemoryLimit) -> Fixture {
    let sim = Sim::new();
    let reactor = Reactor::with_driver(sim.driver(), memory);
    let handle = reactor.handle();
    Fixture {
        reactor,
        handle,
        sim,
    }
}

impl Fixture {
    pub(crate) fn settle(&self) {
        self.sim.settle(&self.reactor);
    }

    pub(crate) fn turn(&self) {
        self.reactor.turn().unwrap();
    }

    /// Time passes, and all that it brings is done.
    pub(crate) fn advance(&self, rest: Duration) {
        self.sim.advance(rest);
        self.settle();
    }

    /// A task, of no further interest.
    pub(crate) fn go(&self, future: impl Future<Output = ()> + 'static) {
        drop(self.handle.spawn(future));
    }

    /// Runs a future to its end, without letting time pass.
    pub(crate) fn now_or_never<T: 'static>(
        &self,
        future: impl Future<Output = T> + 'static,
    ) -> Option<T> {
        let task = self.handle.spawn(future);
        self.settle();
        task.try_take().map(|result| result.unwrap())
    }

    /// The same while others never come to rest.
    pub(crate) fn pair_in_turns(&self) -> (Peer, Stream) {
        let listener = Listener::new(&self.handle, Endpoint::Simulated(998)).unwrap();
        let peer = self.sim.connect(998);
        let task = self
            .handle
            .spawn(async move { listener.accept().await.unwrap().0 });
        loop {
            self.turn();
            if let Some(stream) = task.try_take() {
                return (peer, stream.unwrap());
            }
        }
    }

    /// A client and the stream that serves it.
    pub(crate) fn pair(&self) -> (Peer, Stream) {
        let listener = Listener::new(&self.handle, Endpoint::Simulated(999)).unwrap();
        let peer = self.sim.connect(999);
        let accept = async move { listener.accept().await.unwrap().0 };
        let stream = self.now_or_never(accept).expect("a connection is there");
        (peer, stream)
    }
}

/// What happened, in order.
#[derive(Clone, Default)]
pub(crate) struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    #[expect(clippy::needless_pass_by_value, reason = "shorter to call")]
    pub(crate) fn note(&self, what: impl ToString) {
        self.0.borrow_mut().push(what.to_string());
    }

    /// What happened since the last time, with spaces between.
    pub(crate) fn take(&self) -> String {
        self.0.take().join(" ")
    }
}

/// Notes when it is dropped.
pub(crate) struct Dropped(pub(crate) Log, pub(crate) &'static str);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.note(self.1);
    }
}

/// A waker that counts.
#[derive(Default)]
pub(crate) struct Counter(AtomicUsize);

impl Counter {
    pub(crate) fn pair() -> (Arc<Counter>, Waker) {
        let counter = Arc::new(Counter::default());
        (Arc::clone(&counter), Waker::from(counter))
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Polls once.
pub(crate) fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}
