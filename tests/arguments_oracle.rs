//! Addresses, durations and sizes against the book, on what is put together of the parts that they are made of.

mod book;

use book::arguments;
use nbcaser::cli::units;
use nbcaser::server::address::Address;
use proptest::prelude::*;

/// Few of each kind, so that sensible texts come up, and many that are almost so.
const PARTS: &[&str] = &[
    "0",
    "1",
    "7",
    "15",
    "999",
    "1000",
    "65535",
    "65536",
    "2147483647",
    "18446744073709551615",
    ".",
    ".5",
    "_",
    " ",
    "\t",
    "-",
    "+",
    "e",
    "E",
    "i",
    "b",
    "B",
    "k",
    "K",
    "M",
    "G",
    "T",
    "P",
    "KiB",
    "ns",
    "us",
    "µs",
    "ms",
    "s",
    "sec",
    "m",
    "min",
    "h",
    "d",
    "w",
    "months",
    "y",
    "unix:",
    "fd:",
    "[",
    "]",
    "]:",
    ":",
    "::",
    "::1",
    "fe80",
    "%",
    "eth0",
    "127.0.0.1",
    "localhost",
    "/",
    "a",
    "\0",
    "é",
];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PARTS), 0..7).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn what_is_read_is_what_the_book_reads(text in text(), least in 0_usize..3, most in 3_usize..1 << 40) {
        arguments::address(&text).check(&text, text.parse::<Address>());
        arguments::duration(&text).check(&text, units::duration(&text));
        arguments::size(&text, least, most).check(&text, units::size(&text, least, most));
    }
}
