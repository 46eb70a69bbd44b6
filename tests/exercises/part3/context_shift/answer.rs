//! When the context is full, the oldest tokens are evicted, half a block at a time.
//!
//! `start` is the place in the text where the context begins now, and `end` the length of the
//! text: the context has end - start tokens. It may have block_size of them. If it has more,
//! its start moves on, by half a block, rounded up, as often as it takes to fit:
//!
//!   shift    = block_size / 2, rounded up
//!   too long = (end - start) - block_size, or 0
//!   start + shift · (too long / shift, rounded up)
//!
//! Example: block_size 8, start 0. With end 8 the context just fits: 0. With end 9 it is one
//! token too long: the start becomes 4. A prompt of 20 tokens is 12 too long: 12.
//!
//! Whole numbers of Rust have methods for this: `a.div_ceil(b)` is a / b rounded up, and
//! `a.saturating_sub(b)` is a - b, or 0 where that would be below 0.

/// Where the context of a text of `end` tokens begins, if it has begun at `start`.
pub fn shifted(start: usize, end: usize, block_size: usize) -> usize {
    // SOLUTION
    let shift = block_size.div_ceil(2);
    let too_long = (end - start).saturating_sub(block_size);
    start + too_long.div_ceil(shift) * shift
    // STUB
    // todo!()
    // END
}
