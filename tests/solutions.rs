//! The exercises of the tutorial have solutions, and are none before they are solved: with each `solution.rs` all tests
//! pass, and with each `start.rs` all fail.

/// The tests of one exercise.
macro_rules! exercise {
    ($($test:ident),+ $(,)?) => {
        mod solved {
            $(
                #[test]
                fn $test() {
                    super::solution::tests::$test();
                }
            )+
        }

        mod at_the_start {
            $(
                #[test]
                #[should_panic]
                fn $test() {
                    super::start::tests::$test();
                }
            )+
        }
    };
}

mod exercises;
