//! Equal parts of two lists of numbers.

use rayon::prelude::*;

use super::pieces::each;
use super::threads::rows_per_thread;

/// Changes some numbers, given others: `work(changed, given)` for equal parts of both.
///
/// # Panics
/// When the two are not equally long.
pub fn zip<T: Send + Sync>(
    changed: &mut [T],
    given: &[T],
    work: impl Fn(&mut [T], &[T]) + Send + Sync,
) {
    assert_eq!(changed.len(), given.len());
    let length = rows_per_thread(changed.len(), 1);
    let pieces = changed.par_chunks_mut(length).zip(given.par_chunks(length));
    each(pieces, |(changed, given)| work(changed, given));
}

/// Changes two lists of numbers together: `work(a, b)` for equal parts of both.
///
/// # Panics
/// When the two are not equally long.
pub fn zip_mut<T: Send>(a: &mut [T], b: &mut [T], work: impl Fn(&mut [T], &mut [T]) + Send + Sync) {
    assert_eq!(a.len(), b.len());
    let length = rows_per_thread(a.len(), 1);
    each(a.par_chunks_mut(length).zip(b.par_chunks_mut(length)), |(a, b)| work(a, b));
}
