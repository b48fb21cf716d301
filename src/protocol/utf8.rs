//! One character off the front or the back of bytes that may not be UTF-8.
//!
//! To check a whole line first, as `str::from_utf8` does, would take as long again as to answer it (0.7 ns a byte of
//! Greek text): so the check is made on the way.

/// The character that `bytes` begins with, and its length in bytes; `None` if there is none or it is not UTF-8.
#[inline]
pub(super) fn first_char(bytes: &[u8]) -> Option<(char, usize)> {
    /// The six bits of a continuation byte.
    fn tail(byte: u8) -> Option<u32> {
        (byte & 0xc0 == 0x80).then_some(u32::from(byte & 0x3f))
    }
    let (code, length, least) = match *bytes {
        [a @ ..0x80, ..] => (u32::from(a), 1, 0),
        [a @ 0xc0..0xe0, b, ..] => (u32::from(a & 0x1f) << 6 | tail(b)?, 2, 0x80),
        [a @ 0xe0..0xf0, b, c, ..] => (
            u32::from(a & 0x0f) << 12 | tail(b)? << 6 | tail(c)?,
            3,
            0x800,
        ),
        [a @ 0xf0..0xf8, b, c, d, ..] => (
            u32::from(a & 0x07) << 18 | tail(b)? << 12 | tail(c)? << 6 | tail(d)?,
            4,
            0x1_0000,
        ),
        _ => return None,
    };
    // Longer than need be is not UTF-8 either; nor are surrogates and what is past U+10FFFF, which `from_u32` refuses.
    (code >= least).then_some((char::from_u32(code)?, length))
}

/// The character that `bytes` ends with, and its length in bytes; `None` if there is none or it is not UTF-8.
pub(super) fn last_char(bytes: &[u8]) -> Option<(char, usize)> {
    let length = bytes
        .iter()
        .rev()
        .take(4)
        .position(|byte| byte & 0xc0 != 0x80)?
        + 1;
    first_char(&bytes[bytes.len() - length..]).filter(|&(_, found)| found == length)
}

/// The characters of `bytes` from the front, up to the first that is not UTF-8.
pub(super) fn chars(mut bytes: &[u8]) -> impl Iterator<Item = char> {
    std::iter::from_fn(move || {
        let (c, length) = first_char(bytes)?;
        bytes = &bytes[length..];
        Some(c)
    })
}

/// The characters of `bytes` from the back, up to the first that is not UTF-8.
pub(super) fn chars_back(mut bytes: &[u8]) -> impl Iterator<Item = char> {
    std::iter::from_fn(move || {
        let (c, length) = last_char(bytes)?;
        bytes = &bytes[..bytes.len() - length];
        Some(c)
    })
}
