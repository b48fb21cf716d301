//! Any text as an address, a duration and a size, against what the book reads; and what is read is given back the same.
#![no_main]

#[path = "../../book/mod.rs"]
mod book;
#[path = "../../../src/cli/units.rs"]
mod units;

use book::arguments;
use libfuzzer_sys::fuzz_target;
use nbcaser::server::address::Address;
use units::{LONGEST, SHORTEST, duration, size};

fuzz_target!(|text: &str| {
    let address = text.parse::<Address>();
    if let Ok(address) = &address {
        assert_eq!(address.to_string().parse().as_ref(), Ok(address));
    }
    arguments::address(text).check(text, address);

    let length = duration(text);
    if let Ok(length) = length {
        assert!(length.is_zero() || (SHORTEST..=LONGEST).contains(&length));
    }
    arguments::duration(text).check(text, length);

    for (least, most) in [(1, 64 << 20), (0, usize::MAX)] {
        let bytes = size(text, least, most);
        if let Ok(bytes) = bytes {
            assert!((least..=most).contains(&bytes));
        }
        arguments::size(text, least, most).check(text, bytes);
    }
});
