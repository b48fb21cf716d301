//! What is sent, and what must come back: all of it known before the first byte leaves.
//!
//! A [`Script`] is a circle of lines with their replies, made from a seed and answered by the
//! [`protocol`](crate::protocol) itself. Every connection walks around it, from a place of its own. So on the wire no
//! line is made and no reply is computed: several lines are one copy, and several replies one comparison.

use std::ops::RangeInclusive;

use crate::protocol::messages::TO_TITLE;
use crate::protocol::{Answer, Line, Session};

/// What the lines are like.
#[derive(Clone, Debug, PartialEq)]
pub struct Mix {
    /// Bytes of a line, without its end.
    pub length: RangeInclusive<usize>,
    /// Which part of the lines of text is to come back in title case, from 0 to 1.
    pub title_share: f64,
    /// Which part of the lines of text has more than ASCII in it, from 0 to 1.
    pub unicode_share: f64,
    /// No quotes and no backslashes: nothing of ASCII needs an escape.
    pub plain: bool,
    /// The same seed makes the same lines, for ever.
    pub seed: u64,
}

impl Default for Mix {
    fn default() -> Mix {
        Mix {
            length: 16..=16,
            title_share: 0.0,
            unicode_share: 0.0,
            plain: false,
            seed: 1,
        }
    }
}

/// What Unicode lines are made of, besides ASCII: ranges of scalar values.
///
/// They are assigned since Unicode 14.0 at the latest, and have had the same case since, so that a server in Python 3.11
/// and one in Rust agree on them. There are letters that become several, titlecase digraphs, both sigmas, marks, letters
/// without case and characters of two, three and four bytes.
pub const ALPHABET: [RangeInclusive<char>; 12] = [
    '\u{c0}'..='\u{ff}',       // Latin 1, with the sharp s
    '\u{100}'..='\u{17f}',     // Latin Extended A
    '\u{1c4}'..='\u{1cc}',     // digraphs with a titlecase
    '\u{301}'..='\u{308}',     // combining marks
    '\u{3a3}'..='\u{3ce}',     // Greek, the sigmas among it
    '\u{410}'..='\u{44f}',     // Cyrillic
    '\u{10d0}'..='\u{10fa}',   // Georgian: an upper case, but no titlecase
    '\u{1f80}'..='\u{1faf}',   // Greek that becomes two
    '\u{4e00}'..='\u{4fff}',   // Han: no case at all
    '\u{fb00}'..='\u{fb06}',   // ligatures that become two or three
    '\u{10400}'..='\u{1044f}', // Deseret: four bytes
    '\u{1f600}'..='\u{1f64f}', // faces
];

/// Lines and replies take about this much memory together, that they stay in the processor's cache.
const SIZE: usize = 128 << 10;
/// The most lines, and the least.
const MOST: usize = 1024;
const LEAST: usize = 8;
/// Lines of text from one round of both modes to the next.
const ROUND: usize = 16;

/// A circle of lines and their replies.
pub struct Script {
    lines: Vec<u8>,
    replies: Vec<u8>,
    exchanges: Vec<Exchange>,
    /// Which exchanges are found in upper case mode, as a new connection is.
    starts: Vec<usize>,
    /// Which exchanges are text.
    texts: Vec<usize>,
}

/// One line and its reply.
#[derive(Clone, Copy, Debug)]
struct Exchange {
    /// Where the line ends, its line feed included.
    line: usize,
    /// Where the reply ends.
    reply: usize,
    in_title: bool,
}

impl Script {
    /// The script of this mix: the same for the same mix.
    pub fn new(mix: &Mix) -> Script {
        let mut script = Script {
            lines: Vec::new(),
            replies: Vec::new(),
            exchanges: Vec::new(),
            starts: Vec::new(),
            texts: Vec::new(),
        };
        let mut random = Random(mix.seed);
        let mut session = Session::default();
        let mut in_title = false;
        let count = (SIZE / (mix.length.end() + 1)).clamp(LEAST, MOST) / ROUND * ROUND;
        let count = count.max(LEAST);
        for n in 0..count {
            // In each round the lines in upper case come first. The shares are exact over the whole of the circle.
            let (round, rest) = (n / ROUND, n % ROUND);
            let size = ROUND.min(count - round * ROUND);
            let titles = share(mix.title_share, round * ROUND + size)
                - share(mix.title_share, round * ROUND);
            let to_title = rest >= size - titles;
            if to_title != in_title {
                script.switch(&mut session, in_title);
                in_title = to_title;
            }
            let unicode = share(mix.unicode_share, n + 1) > share(mix.unicode_share, n);
            script.text(&mut session, mix, unicode, in_title, &mut random);
        }
        if in_title {
            script.switch(&mut session, in_title);
        }
        script
    }

    fn switch(&mut self, session: &mut Session, in_title: bool) {
        let line: &[u8] = if in_title { b"upper" } else { b"title" };
        let answer = session.answer(Line::Text(line), usize::MAX, &mut self.replies);
        debug_assert_eq!(answer, Answer::Switched);
        self.lines.extend_from_slice(line);
        self.end_exchange(in_title);
    }

    fn text(
        &mut self,
        session: &mut Session,
        mix: &Mix,
        unicode: bool,
        in_title: bool,
        random: &mut Random,
    ) {
        let (line, reply) = (self.lines.len(), self.replies.len());
        loop {
            let length = random.within(&mix.length);
            let ascii = if mix.plain { PLAIN } else { ASCII };
            random.line(length, unicode, ascii, &mut self.lines);
            let text = Line::Text(&self.lines[line..]);
            // A random line may be a command; it is not wanted then, nor what it did.
            let mut tried = session.clone();
            if tried.answer(text, usize::MAX, &mut self.replies) == Answer::Text {
                break;
            }
            self.lines.truncate(line);
            self.replies.truncate(reply);
        }
        self.texts.push(self.exchanges.len());
        self.end_exchange(in_title);
    }

    fn end_exchange(&mut self, in_title: bool) {
        self.lines.push(b'\n');
        if !in_title {
            self.starts.push(self.exchanges.len());
        }
        self.exchanges.push(Exchange {
            line: self.lines.len(),
            reply: self.replies.len(),
            in_title,
        });
    }

    /// How many exchanges there are.
    pub fn len(&self) -> usize {
        self.exchanges.len()
    }

    /// Whether there are none: never.
    pub fn is_empty(&self) -> bool {
        self.exchanges.is_empty()
    }

    /// Where the `number`-th connection begins: places far apart, all in upper case mode.
    pub fn start(&self, number: usize) -> usize {
        // Steps of the golden section spread any number of starts evenly.
        let step = (self.starts.len() as f64 * 0.618) as usize;
        self.starts[number.wrapping_mul(step.max(1)) % self.starts.len()]
    }

    /// The lines of the exchanges from `first` on that end by `last`, line ends included.
    pub fn lines(&self, first: usize, last: usize) -> &[u8] {
        &self.lines[self.line_start(first)..self.exchanges[last].line]
    }

    /// The reply to the line of this exchange.
    pub fn reply(&self, exchange: usize) -> &[u8] {
        self.replies(self.reply_start(exchange), self.reply_end(exchange))
    }

    /// Where the line of this exchange begins, and where it ends, in all [`lines`](Script::lines).
    pub(super) fn line_start(&self, exchange: usize) -> usize {
        exchange
            .checked_sub(1)
            .map_or(0, |before| self.exchanges[before].line)
    }

    pub(super) fn line_end(&self, exchange: usize) -> usize {
        self.exchanges[exchange].line
    }

    pub(super) fn reply_start(&self, exchange: usize) -> usize {
        exchange
            .checked_sub(1)
            .map_or(0, |before| self.exchanges[before].reply)
    }

    pub(super) fn reply_end(&self, exchange: usize) -> usize {
        self.exchanges[exchange].reply
    }

    /// Bytes of all replies from one offset to another.
    pub(super) fn replies(&self, from: usize, to: usize) -> &[u8] {
        &self.replies[from..to]
    }

    /// A line of text for a connection that sends but one: what to say before it (and the reply to that), the line with
    /// its end, and the reply.
    pub fn single(&self, number: usize) -> Single<'_> {
        let exchange = self.texts[number % self.texts.len()];
        let switch = self.exchanges[exchange].in_title;
        Single {
            switch: switch.then_some((b"title\n", TO_TITLE)),
            line: self.lines(exchange, exchange),
            reply: self.reply(exchange),
        }
    }
}

/// See [`Script::single`].
pub struct Single<'a> {
    /// What leads to the mode of the line, and its reply.
    pub switch: Option<(&'static [u8], &'static [u8])>,
    /// The line, with its end.
    pub line: &'a [u8],
    /// Its reply.
    pub reply: &'a [u8],
}

/// How many of the first `count` are of a share.
fn share(share: f64, count: usize) -> usize {
    (share * count as f64).round() as usize
}

/// The generator `SplitMix64`: a few lines that will never change, as no crate promises.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn within(&mut self, range: &RangeInclusive<usize>) -> usize {
        range.start() + self.below(range.end() - range.start() + 1)
    }

    /// Appends a line of exactly so many bytes: words of some letters, with now and then what a quoting has to deal with.
    fn line(&mut self, length: usize, unicode: bool, ascii: &[u8], out: &mut Vec<u8>) {
        let begin = out.len();
        let end = begin + length;
        while out.len() < end {
            let letter = unicode && (out.len() == begin || self.below(2) == 0);
            let mut utf8 = [0; 4];
            let bytes = if letter {
                self.letter().encode_utf8(&mut utf8).as_bytes()
            } else {
                std::slice::from_ref(&ascii[self.below(ascii.len())])
            };
            // What does not fit any more gives way to a character of one byte.
            if bytes.len() <= end - out.len() {
                out.extend_from_slice(bytes);
            } else {
                out.push(b'.');
            }
        }
    }

    fn letter(&mut self) -> char {
        let range = &ALPHABET[self.below(ALPHABET.len())];
        let (first, last) = (u32::from(*range.start()), u32::from(*range.end()));
        char::from_u32(first + self.below((last - first) as usize + 1) as u32).unwrap_or('?')
    }
}

/// Mostly letters.
const ASCII: &[u8] =
    b"aabcddeeefghhiiijklmnnooopqrrsssttuuvwxyz ETAOIN etaoin srhldcu 0123456789 -,.!?'\"\\ ";
/// The same without what a quoting has to deal with.
const PLAIN: &[u8] =
    b"aabcddeeefghhiiijklmnnooopqrrsssttuuvwxyz ETAOIN etaoin srhldcu 0123456789 -,.!? ";

#[cfg(test)]
mod tests {
    use super::*;

    fn mix() -> Mix {
        Mix {
            length: 0..=40,
            title_share: 0.3,
            unicode_share: 0.5,
            plain: false,
            seed: 7,
        }
    }

    /// All exchanges, with the replies of a session that begins at `start`.
    fn replay(script: &Script, start: usize) {
        let mut session = Session::default();
        for n in (start..script.len()).chain(0..start) {
            let line = script.lines(n, n);
            let (line, end) = line.split_at(line.len() - 1);
            assert_eq!(end, b"\n");
            let mut reply = Vec::new();
            let answer = session.answer(Line::Text(line), usize::MAX, &mut reply);
            assert!(
                matches!(answer, Answer::Text | Answer::Switched),
                "{answer:?}"
            );
            assert_eq!(script.reply(n), reply);
        }
        assert_eq!(session, Session::default(), "the circle closes");
    }

    #[test]
    fn wherever_a_connection_begins_the_replies_are_those_of_a_session() {
        for title_share in [0.0, 0.01, 0.3, 0.5, 1.0] {
            let script = Script::new(&Mix {
                title_share,
                ..mix()
            });
            for number in 0..50 {
                replay(&script, script.start(number));
            }
        }
    }

    #[test]
    fn the_same_seed_is_the_same_script_and_another_is_another() {
        let (a, b) = (Script::new(&mix()), Script::new(&mix()));
        assert_eq!((&a.lines, &a.replies), (&b.lines, &b.replies));
        let other = Script::new(&Mix { seed: 8, ..mix() });
        assert_ne!(a.lines, other.lines);
        // And it is what it was when this was written: a seed in a bug report stays good.
        let fixed = Script::new(&Mix {
            length: 16..=16,
            title_share: 0.0,
            unicode_share: 0.0,
            plain: false,
            seed: 1,
        });
        assert_eq!(fixed.lines(0, 0), b"e!utAnOvIrhsuohr\n");
    }

    #[test]
    fn lengths_and_shares_are_what_was_asked_for() {
        for (length, count) in [
            (0..=0, 1024),
            (16..=16, 1024),
            (5..=300, 432),
            (100_000..=100_000, 8),
        ] {
            let script = Script::new(&Mix {
                length: length.clone(),
                ..mix()
            });
            let texts = script.texts.iter().map(|&n| script.lines(n, n).len() - 1);
            assert_eq!(script.texts.len(), count);
            assert!(
                texts.clone().all(|bytes| length.contains(&bytes)),
                "{length:?}"
            );
            let (first, last) = (texts.clone().min().unwrap(), texts.max().unwrap());
            assert!(length.start() == length.end() || first + 20 < last);
        }
        let script = Script::new(&Mix {
            length: 16..=16,
            ..mix()
        });
        let of = |is: &dyn Fn(usize) -> bool| {
            script.texts.iter().filter(|&&n| is(n)).count() as f64 / script.texts.len() as f64
        };
        let title = of(&|n| script.exchanges[n].in_title);
        let unicode = of(&|n| !script.lines(n, n).is_ascii());
        assert!((title - 0.3).abs() < 0.002, "{title}");
        assert!((unicode - 0.5).abs() < 0.002, "{unicode}");
    }

    #[test]
    fn plain_lines_need_no_escape() {
        let escapes = |plain| {
            let script = Script::new(&Mix {
                plain,
                ..Mix::default()
            });
            let odd = |text: &[u8]| text.iter().filter(|byte| b"'\"\\".contains(byte)).count();
            // Two quotes go around each text.
            (odd(&script.lines), odd(&script.replies) - 2 * script.len())
        };
        assert_eq!(escapes(true), (0, 0));
        assert_ne!(escapes(false), (0, 0));
    }

    #[test]
    fn a_single_line_comes_with_the_way_to_its_mode() {
        let script = Script::new(&mix());
        for number in 0..script.len() {
            let single = script.single(number);
            let (mut session, mut out) = (Session::default(), Vec::new());
            if let Some((line, reply)) = single.switch {
                session.answer(Line::Text(line.strip_suffix(b"\n").unwrap()), 0, &mut out);
                assert_eq!(out, reply);
                out.clear();
            }
            session.answer(
                Line::Text(&single.line[..single.line.len() - 1]),
                0,
                &mut out,
            );
            assert_eq!(out, single.reply);
        }
    }
}
