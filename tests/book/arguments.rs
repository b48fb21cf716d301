//! What is read of an address, a duration and a size, by the book: cut into its parts with no state, and reckoned in
//! integers too wide to overflow.

use std::net::Ipv6Addr;
use std::time::Duration;

use nbcaser::server::address::Address;

/// What becomes of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reading<T> {
    Taken(T),
    Refused,
    /// So many digits, or such an exponent, that it is rounded on the way; by how much is left to the reader.
    Unclear,
}

impl<T: std::fmt::Debug + PartialEq> Reading<T> {
    pub(crate) fn check<E: std::fmt::Debug>(&self, text: &str, got: Result<T, E>) {
        match (self, got) {
            (Reading::Unclear, _) | (Reading::Refused, Err(_)) => {}
            (Reading::Taken(want), Ok(got)) if *want == got => {}
            (want, got) => panic!("{text:?} by the book: {want:?}; got: {got:?}"),
        }
    }
}

use Reading::{Refused, Taken, Unclear};

pub(crate) fn address(text: &str) -> Reading<Address> {
    let read = if let Some(path) = text.strip_prefix("unix:") {
        // `sun_path` has 108 bytes, with a NUL at the end.
        ((1..108).contains(&path.len()) && !path.contains('\0')).then(|| Address::Unix(path.into()))
    } else if let Some(number) = text.strip_prefix("fd:") {
        whole(number, i32::MAX as u128).map(|number| Address::Fd(number as i32))
    } else {
        text.rsplit_once(':').and_then(|(host, port)| {
            let port = whole(port, u16::MAX.into())? as u16;
            let bracketed = host
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'));
            let right = match bracketed {
                Some(inside) => is_ipv6(inside),
                None => is_name(host),
            };
            let host = bracketed.unwrap_or(host).into();
            right.then_some(Address::Host { host, port })
        })
    };
    read.map_or(Refused, Taken)
}

fn is_name(host: &str) -> bool {
    let first = host.chars().next();
    let never = |c: char| c == ':' || c == ']' || c.is_whitespace() || c.is_control();
    first.is_some_and(|c| !"/.[".contains(c)) && !host.chars().any(never)
}

fn is_ipv6(inside: &str) -> bool {
    let mut parts = inside.splitn(2, '%');
    let ip = parts
        .next()
        .is_some_and(|ip| ip.parse::<Ipv6Addr>().is_ok());
    let zone = parts.next().is_none_or(|zone| {
        !zone.is_empty() && zone.chars().all(|c| ('!'..='~').contains(&c) && c != ']')
    });
    ip && zone
}

/// Digits alone, up to `most`.
fn whole(text: &str, most: u128) -> Option<u128> {
    if text.is_empty() || !text.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    // What does not fit into 128 bits is more than any limit here.
    let text = text.trim_start_matches('0');
    let number = if text.is_empty() { Ok(0) } else { text.parse() };
    number.ok().filter(|&number| number <= most)
}

/// The names of a unit, and how many nanoseconds it has.
const UNITS: [(&str, u128); 10] = [
    ("ns nsec nanos", 1),
    ("us usec µs", 1000),
    ("ms msec millis", 1_000_000),
    ("s sec secs second seconds", SECOND),
    ("m min mins minute minutes", 60 * SECOND),
    ("h hr hrs hour hours", 3600 * SECOND),
    ("d day days", 86_400 * SECOND),
    ("w wk wks week weeks", 7 * 86_400 * SECOND),
    // A twelfth of a year, and a year with its share of a leap day.
    ("M month months", 2_630_016 * SECOND),
    ("y yr yrs year years", 31_557_600 * SECOND),
];

const SECOND: u128 = 1_000_000_000;

/// Numbers and units in turn; the sum is 0, or from a millisecond to a hundred years.
pub(crate) fn duration(text: &str) -> Reading<Duration> {
    let mut rest = text.trim();
    if rest == "0" {
        return Taken(Duration::ZERO);
    }
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == 'µ';
    let (mut sum, mut unclear) = (0, rest.is_empty());
    if unclear {
        return Refused;
    }
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(is_letter).unwrap_or(rest.len()));
        let (name, tail) = tail.split_at(tail.find(|c| !is_letter(c)).unwrap_or(tail.len()));
        rest = tail.trim_start();
        let unit = UNITS
            .iter()
            .find(|unit| unit.0.split(' ').any(|known| known == name));
        let (Some(&(_, unit)), Some((digits, decimals))) =
            (unit, decimal(number, char::is_whitespace))
        else {
            return Refused;
        };
        // Behind the point belongs a digit, and nothing that is lost: below an hour nanoseconds are counted, from there on
        // seconds.
        let grain = if unit < 3600 * SECOND { 1 } else { SECOND };
        let (before, after) = digits.split_at(digits.len() - decimals.unwrap_or(0));
        unclear |= after.len() > 6;
        let (Some(before), Some(after), false) = (
            whole(before, 1 << 64),
            whole(&format!("{after:0<6.6}"), 999_999),
            decimals == Some(0) || decimals.is_some() && unit == 1,
        ) else {
            return Refused;
        };
        if !(after * (unit / grain)).is_multiple_of(1_000_000) {
            return if unclear { Unclear } else { Refused };
        }
        sum += before * unit + after * (unit / grain) / 1_000_000 * grain;
    }
    let hundred_years = 100 * 365 * 86_400 * SECOND;
    match sum {
        _ if unclear => Unclear,
        0 => Taken(Duration::ZERO),
        _ if !(1_000_000..=hundred_years).contains(&sum) => Refused,
        _ => Taken(Duration::new((sum / SECOND) as u64, (sum % SECOND) as u32)),
    }
}

/// The digits of a number, and how many of them stand behind its point, if it has one; `ignored` may stand anywhere.
fn decimal(text: &str, ignored: impl Fn(char) -> bool) -> Option<(String, Option<usize>)> {
    let text: String = text.chars().filter(|&c| !ignored(c)).collect();
    let (before, after) = match text.split_once('.') {
        None => (&text[..], None),
        Some((before, after)) => (before, Some(after)),
    };
    let digits = [before, after.unwrap_or("")].concat();
    let numeric = !before.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
    numeric.then(|| (digits, after.map(str::len)))
}

/// A number of at most 20 digits and a unit: `k` to `e` in any case, with an `i` for 1024 each, a `b` or none; rounded to
/// the nearest byte.
pub(crate) fn size(text: &str, least: usize, most: usize) -> Reading<usize> {
    let text = text.trim().to_ascii_lowercase();
    let rest = text.strip_suffix('b').unwrap_or(&text);
    let (rest, thousand) = match rest.strip_suffix('i') {
        Some(rest) => (rest, 1024_u128),
        None => (rest, 1000),
    };
    let (rest, power) = match rest.chars().next_back().and_then(|c| "kmgtpe".find(c)) {
        Some(at) => (&rest[..rest.len() - 1], at as u32 + 1),
        None => (rest, 0),
    };
    if rest.chars().filter(char::is_ascii_digit).count() > 20 {
        return Refused;
    }
    if rest.contains('e') {
        return Unclear;
    }
    let Some((digits, decimals)) = decimal(rest, |c| c == ' ' || c == '_') else {
        return Refused;
    };
    let decimals = decimals.unwrap_or(0);
    let Some(number) = whole(&digits, 10_u128.pow(19)) else {
        return Unclear;
    };
    let one = 10_u128.pow(decimals as u32);
    let bytes = (number * thousand.pow(power) + one / 2) / one;
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    if (least..=most).contains(&bytes) {
        Taken(bytes)
    } else {
        Refused
    }
}
