//! What clients say.

use crate::dice::Dice;

const WORDS: &[&str] = &[
    "hello",
    "they're here",
    "say \"hi\"",
    "back\\slash",
    "tab\there",
    "ΑΣ ΣΑΣ",
    "straße",
    "ǆ ŉ ﬃ",
    "\u{0}\u{1b}[2J",
    "😀",
    "",
    " leading and trailing \u{3000}",
];
const INVALID: &[&[u8]] = &[
    b"\xff",
    b"ab\xc3",
    b"\xe2\x82",
    b"caf\xe9 ol\xe9",
    b"\xf0\x9f\x98",
];
/// A limit of more than this makes lines long.
pub(crate) const LARGE: usize = 10_000;
/// A flood has so many lines at the most or, where they are long, so many bytes; each of them has so many.
const MANY: usize = 6000;
const FLOOD: usize = 2_000_000;
const LONG: usize = 80_000;
/// What long lines are made of, and how they end: mostly each of a letter of its own. Some replies are longer by far than
/// their lines, or by far shorter.
const KINDS: &[(&[u8], &[u8])] = &[
    (b"", b""),
    (b"", b""),
    (b"", b""),
    ("ΐ".as_bytes(), b""),
    (b"'", b"\""),
    (b"x", b"\xff"),
];
const ENDS: &[&str] = &["\n", "\r\n", "\r", "\n\r", "\r\r\n"];

/// What a client sends, from its first byte to its last, `quit` apart. Each line has a number of its own, so that
/// replies that are lost, doubled or exchanged show.
pub(crate) fn lines(dice: &mut Dice, limit: usize) -> Vec<u8> {
    let mut text = Vec::new();
    let usual = dice.pick(ENDS).as_bytes();
    for number in 0..dice.below(12) {
        match dice.below(20) {
            0..=7 => text.extend(format!("line {number}").bytes()),
            8..=13 => text.extend(format!("{number} {}", dice.pick(WORDS)).bytes()),
            14 => text.extend(b"title"),
            15 => text.extend(b"upper \t"),
            16 => text.extend(*dice.pick(INVALID)),
            17 => {} // an empty line
            18 if limit <= LARGE || dice.one_in(20) => text.extend(long(dice, limit)),
            _ => text.extend(dice.pick(WORDS).bytes()),
        }
        let odd = dice.one_in(8);
        text.extend(if odd {
            dice.pick(ENDS).as_bytes()
        } else {
            usual
        });
    }
    if dice.one_in(4) {
        text.extend(b"no end");
    }
    text
}

/// A line about as long as the limit, or far longer.
fn long(dice: &mut Dice, limit: usize) -> Vec<u8> {
    let length = match dice.below(4) {
        0 => limit,
        1 => limit + 1,
        2 => limit + dice.below(3 * limit),
        _ => limit.saturating_sub(dice.below(5)),
    };
    let letter = b'a' + dice.below(26) as u8;
    vec![letter; length]
}

/// Many lines at once: short ones, or some so long that a few replies fill what is sent in one write, and a few more what
/// may be done in one turn.
pub(crate) fn flood(dice: &mut Dice, limit: usize) -> Vec<u8> {
    let mut text = Vec::new();
    if limit > LARGE && dice.one_in(2) {
        let length = dice.between(1, limit.min(LONG));
        let lines = dice.between(1, FLOOD / length.max(FLOOD / MANY));
        let (letter, end) = *dice.pick(KINDS);
        let lines = if letter.is_empty() {
            lines
        } else {
            lines.div_ceil(10)
        };
        for number in 0..lines {
            let own = [b'a' + (number % 26) as u8];
            let letter = if letter.is_empty() { &own } else { letter };
            text.extend(letter.repeat(length / letter.len()));
            text.extend(end);
            text.push(b'\n');
        }
        return text;
    }
    for number in 0..dice.between(100, MANY) {
        text.extend(number.to_string().bytes());
        text.push(b'\n');
    }
    text
}

/// The text in pieces, cut anywhere.
pub(crate) fn pieces(dice: &mut Dice, text: &[u8]) -> Vec<Vec<u8>> {
    let most = match dice.below(8) {
        0..=2 => text.len(),
        3 if text.len() < 200 => 1,
        4..=5 if text.len() < 40_000 => 16,
        _ => text.len() / 3 + 1,
    };
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(dice.between(1, most.max(1)).min(rest.len()));
        pieces.push(piece.to_vec());
        rest = behind;
    }
    pieces
}
