//! Any bytes, cut anywhere, against the state machine a byte at a time.
//!
//! The first byte is the limit, and whether the input ends behind the last piece. In the rest a byte FE is a cut.
#![no_main]

#[path = "../../book/mod.rs"]
mod book;

use book::lines::{lines_by_the_book, lines_found};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&first, input)) = data.split_first() else {
        return;
    };
    let (limit, ended) = (usize::from(first & 0x7f), first & 0x80 != 0);
    let pieces: Vec<&[u8]> = input.split(|&byte| byte == 0xfe).collect();
    let found = lines_found(&pieces, limit, ended);
    let expected = lines_by_the_book(&pieces.concat(), limit, ended);
    assert_eq!(found.len(), expected.len());
    for ((given, found), (at, expected)) in found.into_iter().zip(expected) {
        assert_eq!(found, expected);
        // Each is told as soon as the piece is there in which it ends, or becomes too long; none before.
        let mut end = 0;
        let due = pieces.iter().map(|piece| {
            end += piece.len();
            end
        });
        assert_eq!(Some(given), due.into_iter().find(|&end| end >= at));
    }
});
