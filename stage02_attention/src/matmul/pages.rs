//! Memory in large pages, also called *huge pages*.
//!
//! A processor keeps a list of the pages of memory that it used last (the *TLB*, translation
//! lookaside buffer), and looks every other page up in memory. Weights that are fetched once for
//! each token are more pages of 4 KB than that list has entries, and each look-up delays the
//! fetching. Linux gives pages of 2 MB to a program that asks for them.

/// A vector of zeros (the default of T), which asks for large pages where it is large.
pub fn zeroed<T: Clone + Default>(length: usize) -> Vec<T> {
    let mut values = Vec::with_capacity(length);
    // Before the first byte is written.
    ask_for_large_pages(values.spare_capacity_mut());
    values.resize(length, T::default());
    values
}

/// Asks for large pages for memory that was not written yet. What was written stays in small ones.
#[cfg(target_os = "linux")]
pub fn ask_for_large_pages<T>(values: &[T]) {
    /// Bytes of a large page.
    const LARGE: usize = 1 << 21;
    let bytes = size_of_val(values);
    if bytes < 2 * LARGE {
        return;
    }
    let start = values.as_ptr().addr();
    let first = start.next_multiple_of(LARGE);
    let length = (start + bytes - first) / LARGE * LARGE;
    let pages = values.as_ptr().wrapping_byte_add(first - start);
    // SAFETY: these whole pages lie inside memory that we hold a reference to, and the advice changes
    // none of its bytes. A refusal means that the pages stay small.
    unsafe { libc::madvise(pages.cast_mut().cast(), length, libc::MADV_HUGEPAGE) };
}

/// Other systems have no such pages for a program that asks.
#[cfg(not(target_os = "linux"))]
pub fn ask_for_large_pages<T>(_: &[T]) {}

/// Asks the processor to fetch values that are needed soon.
#[inline(always)]
pub fn fetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        /// Bytes of a cache line.
        const LINE: usize = 64;
        for line in values.chunks((LINE / size_of::<T>().max(1)).max(1)) {
            // SAFETY: a hint about an address that we hold a reference to; it changes no value.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_is_zero_and_can_be_written() {
        for length in [0, 1, 1 << 10, (3 << 20) + 17] {
            let mut values = zeroed::<u32>(length);
            assert!(values.len() == length && values.iter().all(|&value| value == 0));
            values.fill(7);
            assert!(values.iter().all(|&value| value == 7));
        }
    }
}
