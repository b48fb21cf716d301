//! One connection's walk around the script: which lines were sent, which replies are owed, and whether what comes is
//! what must come. No socket and no clock in here.

use std::rc::Rc;

use memchr::memchr;

use super::traffic::Script;
use crate::reactor::HIGH_WATER;

/// How many bytes of a wrong reply are kept to be shown.
const SHOWN: usize = 256;

/// A reply that was not the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The bytes that had to come; empty: none were owed.
    pub expected: Vec<u8>,
    /// Those that came, up to their line feed, in so far as they are kept.
    pub got: Vec<u8>,
}

impl Mismatch {
    /// The beginnings of both.
    pub fn new(expected: &[u8], got: &[u8]) -> Mismatch {
        let cut = |bytes: &[u8]| bytes[..bytes.len().min(SHOWN)].to_vec();
        Mismatch {
            expected: cut(expected),
            got: cut(got),
        }
    }
}

/// Bytes as text that is safe to look at: what is not printable ASCII is escaped, and so are quotation marks and
/// backslashes.
pub(super) fn shown(bytes: &[u8]) -> String {
    // The standard library escapes apostrophes too, of which replies are full.
    bytes.escape_ascii().to_string().replace(r"\'", "'")
}

/// See the [module](self).
pub(super) struct Dialogue {
    script: Rc<Script>,
    /// The exchange whose line is sent next.
    next: usize,
    /// The exchange whose reply comes next, if one is owed.
    due: usize,
    /// How many replies are owed.
    owed: usize,
    /// How far the replies have come, among the bytes of all replies.
    at: usize,
    /// The reply that comes is a wrong one, and here is what came of it.
    wrong: Option<Vec<u8>>,
    mismatches: Vec<Mismatch>,
}

impl Dialogue {
    /// A dialogue that begins where the `number`-th connection does.
    pub(super) fn new(script: &Rc<Script>, number: usize) -> Dialogue {
        let start = script.start(number);
        Dialogue {
            next: start,
            due: start,
            owed: 0,
            at: script.reply_start(start),
            wrong: None,
            mismatches: Vec::new(),
            script: Rc::clone(script),
        }
    }

    /// How many replies are owed.
    pub(super) fn owed(&self) -> usize {
        self.owed
    }

    /// Whether a wrong reply is coming that has not ended.
    pub(super) fn is_wrong(&self) -> bool {
        self.wrong.is_some()
    }

    /// Appends at most `most` lines, and about [`HIGH_WATER`] bytes; tells how many lines.
    pub(super) fn ask(&mut self, most: usize, out: &mut Vec<u8>) -> usize {
        let (mut asked, begin) = (0, out.len());
        while asked < most && out.len() - begin < HIGH_WATER {
            // As many as fit, up to where the circle closes, in one copy.
            let first = self.next;
            let full = self.script.line_start(first) + HIGH_WATER;
            let end = self.script.len().min(first.saturating_add(most - asked));
            let fits = |&last: &usize| self.script.line_end(last) < full;
            let last = (first + 1..end).take_while(fits).last().unwrap_or(first);
            out.extend_from_slice(self.script.lines(first, last));
            asked += last + 1 - first;
            self.next = (last + 1) % self.script.len();
        }
        self.owed += asked;
        asked
    }

    /// Takes what has come; tells how many replies are complete with it, the wrong ones among them.
    pub(super) fn hear(&mut self, mut input: &[u8]) -> usize {
        let owed = self.owed;
        while !input.is_empty() {
            let taken = if self.wrong.is_some() {
                self.hear_wrong(input)
            } else if self.owed > 0 {
                self.hear_right(input)
            } else {
                self.mismatches.push(Mismatch::new(b"", input));
                break;
            };
            input = &input[taken..];
        }
        owed - self.owed
    }

    /// Takes what is right.
    #[inline]
    fn hear_right(&mut self, input: &[u8]) -> usize {
        // All replies that are owed, up to where the circle closes, in one comparison.
        let last = self.script.len().min(self.due + self.owed) - 1;
        let expected = self.script.replies(self.at, self.script.reply_end(last));
        let length = expected.len().min(input.len());
        let is_right = input[..length] == expected[..length];
        let right = if is_right {
            length
        } else {
            common(input, expected)
        };
        self.at += right;
        while self.owed > 0 && self.script.reply_end(self.due) <= self.at {
            self.pass();
        }
        if !is_right {
            // What came of the reply before its wrong byte is a part of it.
            let start = self.script.reply_start(self.due);
            self.wrong = Some(self.script.replies(start, self.at).to_vec());
        }
        right
    }

    /// Takes what is left of a wrong reply. Behind its line feed the next reply is expected.
    #[cold]
    fn hear_wrong(&mut self, input: &[u8]) -> usize {
        let end = memchr(b'\n', input);
        let taken = end.map_or(input.len(), |end| end + 1);
        if let Some(got) = &mut self.wrong {
            let room = SHOWN.saturating_sub(got.len());
            got.extend_from_slice(&input[..taken.min(room)]);
        }
        if end.is_some() {
            self.end_wrong();
        }
        taken
    }

    fn end_wrong(&mut self) {
        if let Some(got) = self.wrong.take() {
            let (start, end) = (
                self.script.reply_start(self.due),
                self.script.reply_end(self.due),
            );
            self.mismatches
                .push(Mismatch::new(self.script.replies(start, end), &got));
            self.at = end;
            self.pass();
        }
    }

    fn pass(&mut self) {
        self.owed -= 1;
        self.due += 1;
        if self.due == self.script.len() {
            (self.due, self.at) = (0, 0);
        }
    }

    /// Nothing more is heard: a wrong reply has ended.
    pub(super) fn finish(&mut self) {
        self.end_wrong();
    }

    /// What was wrong since the last time.
    #[inline]
    pub(super) fn take_mismatches(&mut self) -> Vec<Mismatch> {
        std::mem::take(&mut self.mismatches)
    }
}

/// How many bytes both begin with.
#[cold]
fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::traffic::Mix;
    use proptest::prelude::*;

    thread_local! {
        /// Made once: it takes longer than a walk around it.
        static SCRIPT: Rc<Script> = script(20);
    }

    fn dialogue(number: usize) -> Dialogue {
        SCRIPT.with(|script| Dialogue::new(script, number))
    }

    fn script(length: usize) -> Rc<Script> {
        Rc::new(Script::new(&Mix {
            length: length..=length,
            title_share: 0.3,
            unicode_share: 0.3,
            plain: false,
            seed: 3,
        }))
    }

    /// What a server says to these lines, on a connection of its own.
    fn answers(session: &mut crate::protocol::Session, lines: &[u8]) -> Vec<u8> {
        let mut replies = Vec::new();
        for line in lines.split_inclusive(|&b| b == b'\n') {
            let line = crate::protocol::Line::Text(&line[..line.len() - 1]);
            session.answer(line, usize::MAX, &mut replies);
        }
        replies
    }

    proptest! {
        #[test]
        fn however_lines_and_replies_are_cut_all_is_right(
            number in 0..2000_usize,
            steps in proptest::collection::vec((1..400_usize, 1..9000_usize), 1..60),
        ) {
            let mut dialogue = dialogue(number);
            let mut session = crate::protocol::Session::default();
            let (mut wire, mut asked, mut heard) = (Vec::new(), 0, 0);
            for (lines, bytes) in steps {
                let mut out = Vec::new();
                let now = dialogue.ask(lines, &mut out);
                prop_assert_eq!(now, lines, "they fit");
                prop_assert_eq!(memchr::memchr_iter(b'\n', &out).count(), now);
                asked += now;
                wire.extend(answers(&mut session, &out));
                let piece = wire.drain(..bytes.min(wire.len()));
                heard += dialogue.hear(piece.as_slice());
            }
            heard += dialogue.hear(&wire);
            prop_assert_eq!((heard, dialogue.owed()), (asked, 0));
            prop_assert_eq!(dialogue.take_mismatches(), vec![]);
        }

        #[test]
        fn each_wrong_byte_is_one_mismatch_of_its_reply(
            lines in 1..100_usize,
            at in any::<prop::sample::Index>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut dialogue = dialogue(0);
            let mut out = Vec::new();
            dialogue.ask(lines, &mut out);
            let right = answers(&mut crate::protocol::Session::default(), &out);
            let mut wrong = right.clone();
            let at = at.index(wrong.len());
            prop_assume!(wrong[at] != b'\n'); // two replies would be one
            wrong[at] ^= 0x80;
            let cut = cut.index(wrong.len());
            let heard = dialogue.hear(&wrong[..cut]) + dialogue.hear(&wrong[cut..]);
            prop_assert_eq!((heard, dialogue.owed()), (lines, 0));
            let number = memchr::memchr_iter(b'\n', &right[..at]).count();
            let reply = |all: &[u8]| all.split_inclusive(|&b| b == b'\n').nth(number).unwrap().to_vec();
            let want = Mismatch { expected: reply(&right), got: reply(&wrong) };
            prop_assert_eq!(dialogue.take_mismatches(), vec![want]);
        }
    }

    #[test]
    fn what_is_shown_is_harmless_and_can_be_told_apart() {
        assert_eq!(
            shown(b"'a' \\ \"b\"\r\n\x1b\xff\\'"),
            r#"'a' \\ \"b\"\r\n\x1b\xff\\'"#
        );
    }

    #[test]
    fn what_nobody_asked_for_is_wrong_too() {
        let mut dialogue = dialogue(0);
        assert_eq!(dialogue.hear(b"hello\r\n"), 0);
        let [mismatch] = &dialogue.take_mismatches()[..] else {
            panic!("one")
        };
        assert_eq!(
            (&mismatch.expected[..], &mismatch.got[..]),
            (&b""[..], &b"hello\r\n"[..])
        );
    }

    #[test]
    fn a_wrong_reply_that_never_ends_is_told_at_the_end_and_is_not_kept_whole() {
        let mut dialogue = dialogue(0);
        dialogue.ask(2, &mut Vec::new());
        for _ in 0..1000 {
            assert_eq!(dialogue.hear(&[b'x'; 1000]), 0);
        }
        assert_eq!(dialogue.take_mismatches(), []);
        assert!(dialogue.is_wrong());
        dialogue.finish();
        assert!(!dialogue.is_wrong());
        let [mismatch] = &dialogue.take_mismatches()[..] else {
            panic!("one")
        };
        assert_eq!(mismatch.got, [b'x'; SHOWN]);
        assert_eq!(dialogue.owed(), 1);
    }

    #[test]
    fn no_more_than_about_the_high_water_mark_is_asked_at_once() {
        for length in [0, 16, 1000, 40_000, 100_000] {
            let script = script(length);
            let mut dialogue = Dialogue::new(&script, 0);
            let mut out = Vec::new();
            let asked = dialogue.ask(usize::MAX, &mut out);
            assert_eq!(memchr::memchr_iter(b'\n', &out).count(), asked);
            assert!(
                out.len() >= HIGH_WATER && out.len() < 2 * HIGH_WATER + length,
                "{length}"
            );
        }
    }
}
