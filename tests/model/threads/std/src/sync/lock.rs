//! A mutex and a condition variable.

use ::std::ops::{Deref, DerefMut};
use ::std::sync::{LockResult, TryLockError};
use ::std::time::Duration;

use crate::world::{NEVER, after, stir, switch, wait};

/// A mutex. A panic fails the whole program, so nobody ever finds one poisoned.
#[derive(Debug, Default)]
pub struct Mutex<T>(::std::sync::Mutex<T>);

#[derive(Debug)]
pub struct MutexGuard<'a, T> {
    /// None while a [`Condvar`] is waited for, and in the end.
    inner: Option<::std::sync::MutexGuard<'a, T>>,
    mutex: &'a Mutex<T>,
}

impl<T> Mutex<T> {
    pub const fn new(value: T) -> Self {
        Mutex(::std::sync::Mutex::new(value))
    }

    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        let look = || match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::WouldBlock) => None,
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        };
        Ok(MutexGuard {
            inner: wait(NEVER, look),
            mutex: self,
        })
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.inner.as_ref().expect("locked")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.inner.as_mut().expect("locked")
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        if self.inner.take().is_some() {
            stir();
        }
    }
}

/// A condition variable. Which of those who wait is woken is chosen by shuttle.
#[derive(Debug, Default)]
pub struct Condvar(::std::sync::Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    tickets: Vec<u64>,
    next: u64,
}

/// Whether the time was over.
#[derive(Debug, Clone, Copy)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    pub fn timed_out(self) -> bool {
        self.0
    }
}

impl Condvar {
    pub const fn new() -> Self {
        Condvar(::std::sync::Mutex::new(Waiting {
            tickets: Vec::new(),
            next: 0,
        }))
    }

    fn waiting(&self) -> ::std::sync::MutexGuard<'_, Waiting> {
        self.0.lock().expect("never poisoned")
    }

    fn wait_until<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        deadline: Duration,
    ) -> MutexGuard<'a, T> {
        let mutex = guard.mutex;
        let ticket = {
            let mut waiting = self.waiting();
            waiting.next += 1;
            let ticket = waiting.next;
            waiting.tickets.push(ticket);
            ticket
        };
        guard.inner = None;
        stir();
        let is_called = || !self.waiting().tickets.contains(&ticket);
        wait(deadline, || is_called().then_some(()));
        self.waiting().tickets.retain(|&other| other != ticket);
        mutex.lock().expect("never poisoned")
    }

    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        Ok(self.wait_until(guard, NEVER))
    }

    pub fn wait_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<MutexGuard<'a, T>> {
        while condition(&mut *guard) {
            guard = self.wait_until(guard, NEVER);
        }
        Ok(guard)
    }

    pub fn wait_timeout_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        patience: Duration,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let deadline = after(patience);
        while condition(&mut *guard) {
            if crate::world::now() >= deadline {
                return Ok((guard, WaitTimeoutResult(true)));
            }
            guard = self.wait_until(guard, deadline);
        }
        Ok((guard, WaitTimeoutResult(false)))
    }

    pub fn notify_one(&self) {
        switch();
        let mut waiting = self.waiting();
        if !waiting.tickets.is_empty() {
            let one = crate::world::choose(waiting.tickets.len());
            waiting.tickets.remove(one);
        }
        drop(waiting);
        stir();
    }

    pub fn notify_all(&self) {
        switch();
        self.waiting().tickets.clear();
        stir();
    }
}
