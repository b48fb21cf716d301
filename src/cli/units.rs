//! Durations and sizes as people write them.
//!
//! The reading is done by [`humantime`] and [`parse_size`]; what is added here are bounds, and messages that show how it
//! is written rightly.

use std::time::Duration;

/// The longest duration that is taken: a hundred years. Beyond it lies nobody's intention, and the overflow of clocks.
pub const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The shortest duration that is taken but for 0: a millisecond, the grain of the timers. A shorter interval would be
/// due again before it is dealt with.
pub const SHORTEST: Duration = Duration::from_millis(1);

/// Reads a duration with its unit: `250ms`, `15s`, `1.5s`, `1m 30s`, `1h`. Only `0` needs none.
///
/// # Errors
///
/// A message for the user: no duration, without a unit, not 0 but below [`SHORTEST`], or above [`LONGEST`].
///
/// ```
/// use nbcaser::cli::units::duration;
/// use std::time::Duration;
///
/// assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
/// assert_eq!(duration("15"), Err("a duration needs a unit: write `15s`, `15ms` or `15min`".into()));
/// ```
pub fn duration(text: &str) -> Result<Duration, String> {
    let duration = fine_duration(text)?;
    if duration > Duration::ZERO && duration < SHORTEST {
        return Err("it is shorter than 1ms".into());
    }
    Ok(duration)
}

/// The same, for times that need not be as long as a millisecond: `200us`.
///
/// # Errors
///
/// As [`duration`], but that there is no shortest.
pub fn fine_duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if text != "0" && is_bare_number(text) {
        return Err(format!(
            "a duration needs a unit: write `{text}s`, `{text}ms` or `{text}min`"
        ));
    }
    if parts(text).any(|part| humantime::parse_duration(part).is_ok_and(|part| part > LONGEST)) {
        return Err(TOO_LONG.into());
    }
    let duration = humantime::parse_duration(text).map_err(|error| match error {
        // Its own message speaks of lost precision, too, which nobody meets who asks for a sensible time.
        humantime::DurationError::NumberOverflow => "it is out of range".into(),
        error => format!("{error}; write it like `250ms`, `15s`, `1m 30s` or `0`"),
    })?;
    if duration > LONGEST {
        return Err(TOO_LONG.into());
    }
    Ok(duration)
}

const TOO_LONG: &str = "it is longer than 100 years";

/// The numbers with their units one by one. [`humantime`] adds them up, and panics if the sum is too long by just one second:
/// none of them may be too long by itself.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let unit = rest.find(char::is_alphabetic)?;
        let length = rest[unit..].find(|c: char| !c.is_alphabetic());
        let (part, after) = rest.split_at(length.map_or(rest.len(), |length| unit + length));
        rest = after;
        Some(part)
    })
}

/// Reads a size in bytes: `65536`, `256KiB` (1024 each), `1MB` (1000 each), `1.5k`.
///
/// # Errors
///
/// A message for the user: no size, below `least` or above `most` (both in bytes, both allowed), or of more than 20 digits.
///
/// ```
/// use nbcaser::cli::units::size;
///
/// assert_eq!(size("256KiB", 1, usize::MAX), Ok(262_144));
/// assert_eq!(size("0", 1, usize::MAX), Err("it is less than 1 byte".into()));
/// ```
pub fn size(text: &str, least: usize, most: usize) -> Result<usize, String> {
    // Past these `parse_size` rounds, and may overflow at that.
    if text.bytes().filter(u8::is_ascii_digit).count() > 20 {
        return Err("it has more than 20 digits".into());
    }
    let bytes = match parse_size::parse_size(text.trim()) {
        Ok(bytes) => usize::try_from(bytes).unwrap_or(usize::MAX),
        Err(parse_size::Error::PosOverflow) => usize::MAX,
        Err(_) => return Err(
            "a size is a number with or without a unit: write it like `65536`, `64KiB` or `1MiB`"
                .into(),
        ),
    };
    if bytes < least {
        return Err(format!("it is less than {}", in_words(least)));
    }
    if bytes > most {
        return Err(format!("it is more than {}", in_words(most)));
    }
    Ok(bytes)
}

/// A round number of bytes in its largest unit.
fn in_words(bytes: usize) -> String {
    match bytes {
        1 => "1 byte".into(),
        b if b % (1 << 20) == 0 => format!("{}MiB", b >> 20),
        b if b % (1 << 10) == 0 => format!("{}KiB", b >> 10),
        b => format!("{b} bytes"),
    }
}

fn is_bare_number(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read() {
        let table = [
            ("0", 0),
            ("0s", 0),
            ("250ms", 250),
            ("1ms", 1),
            ("15s", 15_000),
            (" 15 s ", 15_000),
            ("1.5s", 1500),
            ("2m", 120_000),
            ("1m 30s", 90_000),
            ("1h", 3_600_000),
            ("36500d", 36500 * 24 * 3_600_000),
        ];
        for (text, want) in table {
            assert_eq!(duration(text), Ok(Duration::from_millis(want)), "{text}");
        }
    }

    #[test]
    fn wrong_durations_are_told_how() {
        let table = [
            ("", "write it like"),
            ("15", "`15s`"),
            ("1.5", "`1.5s`"),
            ("00", "`00s`"),
            ("s", "write it like"),
            ("-1s", "write it like"),
            ("1 parsec", "write it like"),
            ("1s\x1b", "write it like"),
            ("18446744073709551615", "needs a unit"),
            ("18446744073709551615s", "100 years"),
            ("18446744073709551616s", "out of range"),
            ("18446744073709551615h", "out of range"),
            ("18446744073709551615s 18446744073709551615s", "100 years"),
            ("36501d", "100 years"),
            ("18446744073709551615s 1000ms", "100 years"),
            ("1ms18446744073709551615s1000000us", "100 years"),
            ("60y 60y", "100 years"),
            ("999us", "shorter than 1ms"),
            ("1ns", "shorter than 1ms"),
        ];
        for (text, hint) in table {
            let error = duration(text).expect_err(text);
            assert!(error.contains(hint), "{text:?}: {error:?} lacks {hint:?}");
        }
    }

    #[test]
    fn sizes_are_read() {
        let table = [
            ("0", 0),
            ("1", 1),
            ("65536", 65536),
            ("64k", 64_000),
            ("64KB", 64_000),
            ("64KiB", 65536),
            ("64 kib", 65536),
            ("1.5KiB", 1536),
            ("1MiB", 1 << 20),
            ("64MiB", 64 << 20),
        ];
        for (text, want) in table {
            assert_eq!(size(text, 0, usize::MAX), Ok(want), "{text}");
        }
    }

    #[test]
    fn wrong_sizes_are_told_how() {
        let table = [
            ("", "write it like"),
            ("-1", "write it like"),
            ("KiB", "write it like"),
            ("1 mile", "write it like"),
            ("0", "less than 1 byte"),
            ("65MiB", "more than 64MiB"),
            ("18446744073709551616", "more than 64MiB"),
            ("99999999EiB", "more than 64MiB"),
            ("184467440737095516155", "20 digits"),
        ];
        for (text, hint) in table {
            let error = size(text, 1, 64 << 20).expect_err(text);
            assert!(error.contains(hint), "{text:?}: {error:?} lacks {hint:?}");
        }
        assert!(size("1", 2000, 3000).is_err_and(|e| e.ends_with("2000 bytes")));
        assert!(size("1", 2048, 4096).is_err_and(|e| e.ends_with("2KiB")));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>(), number in r"[0-9.eE+_ -]{0,24}[a-zA-Z]{0,5} ?[0-9.]{0,24}[a-z]{0,3}") {
            for text in [text, number] {
                if let Ok(read) = duration(&text) {
                    prop_assert!(read <= LONGEST && (read.is_zero() || read >= SHORTEST));
                }
                if let Ok(read) = size(&text, 7, 7000) {
                    prop_assert!((7..=7000).contains(&read));
                }
            }
        }

        #[test]
        fn what_humantime_writes_is_read(millis in 0..=LONGEST.as_millis() as u64) {
            let want = Duration::from_millis(millis);
            prop_assert_eq!(duration(&humantime::format_duration(want).to_string()), Ok(want));
        }
    }
}
