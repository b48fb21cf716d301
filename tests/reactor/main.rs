//! The reactor's promises, on the simulated driver: none of these tests sleeps.

mod edges;
mod ends;
mod fixture;
mod groups;
mod observe;
mod sim;
mod streams;
mod sync;
mod tasks;
mod threads;
mod time;
mod turn;
mod wakers;
