//! The recorded connections of `vectors/`, replayed over real sockets: TCP and Unix, cut in three ways.
#![cfg(feature = "cli")]
#![allow(clippy::disallowed_methods)] // tests look at real time

mod common;

use common::each_model;
use common::vectors::{as_recorded, byte_by_byte, in_one_piece, replay_all};

/// Each write of the recording is a segment.
#[test]
fn as_recorded_over_tcp() {
    each_model(|setup| replay_all(&setup.start(), as_recorded));
}

/// All that a client sends is one segment.
#[test]
fn in_one_piece_over_tcp() {
    each_model(|setup| replay_all(&setup.start(), in_one_piece));
}

/// Each byte is a segment.
#[test]
fn byte_by_byte_over_tcp() {
    each_model(|setup| replay_all(&setup.start(), byte_by_byte));
}

/// The same three ways over a Unix socket.
#[test]
fn over_a_unix_socket() {
    each_model(|setup| {
        let server = setup.listen_unix().start();
        for cut in [as_recorded, in_one_piece, byte_by_byte] {
            replay_all(&server, cut);
        }
    });
}
