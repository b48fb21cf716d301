//! Your turn: the tests of the exercises, each on its `start.rs`. They fail until you have solved it.
//!
//!     cargo test --test exercise -- ticks
//!
//! Only so, by its name: plain `cargo test` leaves this out.

#![allow(dead_code)] // the solutions are not looked at here

/// The tests of one exercise.
macro_rules! exercise {
    ($($test:ident),+ $(,)?) => {
        $(
            #[test]
            fn $test() {
                start::tests::$test();
            }
        )+
    };
}

mod exercises;
