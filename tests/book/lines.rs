//! Lines by the book, and how the real ones are asked for.

use nbcaser::protocol::{Line, LineBuffer};

/// What a line buffer may report, with the line itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    Text(Vec<u8>),
    TooLong,
}

/// The lines of `input` by the state machine of the protocol, a byte at a time; with each, how many
/// bytes had come in.
pub(crate) fn lines_by_the_book(input: &[u8], limit: usize, ended: bool) -> Vec<(usize, Report)> {
    let (mut reports, mut line, mut before, mut too_long) = (Vec::new(), Vec::new(), 0, false);
    for (i, &byte) in input.iter().enumerate() {
        match byte {
            b'\n' if before == b'\r' => {}
            b'\n' | b'\r' => {
                let line = std::mem::take(&mut line);
                if !std::mem::take(&mut too_long) {
                    reports.push((i + 1, Report::Text(line)));
                }
            }
            _ if too_long => {}
            _ if line.len() == limit => {
                line.clear();
                too_long = true;
                reports.push((i + 1, Report::TooLong));
            }
            _ => line.push(byte),
        }
        before = byte;
    }
    if ended && !line.is_empty() {
        reports.push((input.len(), Report::Text(line)));
    }
    reports
}

/// What the buffer says to `pieces`; with each line, how many bytes it had been given when it said
/// so.
pub(crate) fn lines_found(pieces: &[&[u8]], limit: usize, ended: bool) -> Vec<(usize, Report)> {
    let mut buffer = LineBuffer::new(limit);
    let (mut reports, mut given) = (Vec::new(), 0);
    let report = |line: Line<'_>| match line {
        Line::Text(text) => Report::Text(text.to_vec()),
        Line::TooLong => Report::TooLong,
        Line::NoMemory => panic!("there is memory"),
    };
    for piece in pieces {
        given += piece.len();
        let mut rest = *piece;
        loop {
            let (consumed, found) = buffer.next(rest);
            assert!(
                buffer.held() <= limit,
                "{} bytes for a limit of {limit}",
                buffer.held()
            );
            let Some(found) = found else {
                assert_eq!(
                    consumed,
                    rest.len(),
                    "it asks for more, so it has taken all"
                );
                break;
            };
            assert!(consumed > 0, "each call makes progress");
            reports.push((given, report(buffer.line(found, rest))));
            rest = &rest[consumed..];
        }
    }
    if ended && let Some(found) = buffer.finish() {
        reports.push((given, report(buffer.line(found, &[]))));
    }
    reports
}
