use nbcaser::reactor::sync::Queue;

#[path = "tests.rs"]
pub(crate) mod tests;

/// What one says, all others hear.
pub(crate) struct Broadcast<T>(Queue<T>);

pub(crate) struct Listener<T>(Queue<T>);

impl<T: Clone> Broadcast<T> {
    /// A channel that keeps the last `capacity` messages for those who are slow.
    pub(crate) fn new(capacity: usize) -> Broadcast<T> {
        Broadcast(Queue::new(capacity))
    }

    /// Listens from now on.
    pub(crate) fn listen(&self) -> Listener<T> {
        Listener(self.0.clone())
    }

    /// Says it to all who listen. Waits for nobody.
    pub(crate) fn say(&self, message: T) {
        // Here is something missing: it is told to the first who asks, and to nobody else.
        let _ = self.0.try_put(message);
    }
}

impl<T: Clone> Listener<T> {
    /// Waits for the next message; tells how many were missed before it.
    pub(crate) async fn next(&mut self) -> (u64, T) {
        (0, self.0.get().await)
    }
}
