//! What is asked of registers that hold many bytes.
//!
//! Most loops of this wing are written so that the compiler vectorises them by itself. Two things it does not find: a
//! mask with a bit for each byte, and that this very machine has wider registers than every machine of its kind has. For
//! both stands a crate, [`fearless_simd`], so that there is no `unsafe` here.

use fearless_simd::{Level, Simd, dispatch, prelude::*, u8x16, u8x32};

/// How many bytes are looked at at once: a register of nearly every processor.
pub(super) const BLOCK: usize = 16;

/// The same where it is worth more: one register where there are wider ones, else two.
pub(super) const WINDOW: usize = 2 * BLOCK;

/// Which bytes are one of the two, the first one's bit being the lowest.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "as a call it takes 27 instructions more, a tenth of a short line"
)]
pub(super) fn either(block: &[u8; BLOCK], one: u8, other: u8) -> u32 {
    dispatch!(Level::baseline(), simd => {
        let bytes = u8x16::simd_from(simd, *block);
        (bytes.simd_eq(one) | bytes.simd_eq(other)).to_bitmask() as u32
    })
}

/// Which bytes are below `least` or above `greatest`, the first one's bit being the lowest.
#[inline(always)]
#[expect(clippy::inline_always, reason = "as for `either`")]
pub(super) fn outside(block: &[u8; BLOCK], least: u8, greatest: u8) -> u32 {
    dispatch!(Level::baseline(), simd => {
        let bytes = u8x16::simd_from(simd, *block);
        (bytes.simd_lt(least) | bytes.simd_gt(greatest)).to_bitmask() as u32
    })
}

/// How many of a mask are true before the first that is not.
#[inline(always)]
#[expect(clippy::inline_always, reason = "as for `either`")]
pub(super) fn leading<S: Simd>(mask: impl SimdMask<S>) -> usize {
    mask.to_bitmask().trailing_ones() as usize
}

/// The bytes of either half in other places of it.
#[inline(always)]
#[expect(clippy::inline_always, reason = "as for `either`")]
pub(super) fn moved_in_halves<S: Simd>(bytes: u8x32<S>, places: [u8; BLOCK]) -> u8x32<S> {
    bytes.swizzle_dyn_within_blocks(twice(bytes.simd, places))
}

/// A block, in either half.
#[inline(always)]
#[expect(clippy::inline_always, reason = "as for `either`")]
pub(super) fn twice<S: Simd>(simd: S, half: [u8; BLOCK]) -> u8x32<S> {
    let half = u8x16::simd_from(simd, half);
    half.combine(half)
}

/// Does the work with the widest registers of this machine that pay: those of AVX2, of 32 bytes, or else those of every
/// machine of its kind. To ask costs about 10 instructions. All of the work must be in line: what is a call in there is
/// compiled for every machine.
macro_rules! widest {
    ($simd:ident => $work:expr) => {{
        #[cfg(target_arch = "x86_64")]
        let avx2 = fearless_simd::Level::new().as_avx2();
        #[cfg(not(target_arch = "x86_64"))]
        let avx2 = None::<fearless_simd::Fallback>;
        if let Some($simd) = avx2 {
            fearless_simd::Simd::vectorize(
                $simd,
                #[inline(always)]
                || $work,
            )
        } else {
            fearless_simd::dispatch!(fearless_simd::Level::baseline(), $simd => $work)
        }
    }};
}
pub(super) use widest;
