//! How many threads some work is worth, and how many stand ready for it.

use std::cell::Cell;
use std::thread::LocalKey;

thread_local! {
    /// Whether this thread is to share its work with nobody.
    static SINGLE_THREADED: Cell<bool> = const { Cell::new(false) };
}

/// How many threads stand ready for the work of one layer.
pub fn threads() -> usize {
    if SINGLE_THREADED.get() { 1 } else { rayon::current_num_threads() }
}

/// Does some work on this thread alone: nothing of it is shared out, and nothing else is taken
/// on before it is done.
pub fn single_threaded<R>(work: impl FnOnce() -> R) -> R {
    let _back = set(&SINGLE_THREADED);
    work()
}

/// Sets a mark of this thread until the result is dropped, also by a panic.
pub(super) fn set(mark: &'static LocalKey<Cell<bool>>) -> impl Drop {
    struct Back(&'static LocalKey<Cell<bool>>, bool);
    impl Drop for Back {
        fn drop(&mut self) {
            self.0.set(self.1);
        }
    }
    Back(mark, mark.replace(true))
}

/// How many threads so many multiplications are worth.
pub fn threads_for(multiplications: usize) -> usize {
    /// So many take about as long as waking another thread.
    const FEWEST: usize = 1 << 20;
    threads().min(multiplications / FEWEST).max(1)
}

/// How many threads it takes to fetch so many numbers from memory, where that is all the work.
pub fn threads_to_fetch(numbers: usize) -> usize {
    threads().min(numbers / FETCHED).max(1)
}

/// So many numbers take longer to fetch than another thread takes to begin.
pub const FETCHED: usize = 1 << 18;

/// How many rows one hand takes: an equal part, and no fewer than are worth the handing over.
pub fn rows_per_thread(rows: usize, cols: usize) -> usize {
    /// So many numbers take about as long as waking another thread.
    const FEWEST: usize = 1 << 14;
    rows.div_ceil(threads()).max(FEWEST.div_ceil(cols.max(1))).min(rows.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parallel::each_row;
    use crate::profiler::Region;

    #[test]
    fn who_works_alone_shares_nothing_and_is_free_again_afterwards() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        pool.install(|| {
            assert_eq!(threads(), 3);
            let here = std::thread::current().id();
            single_threaded(|| {
                assert_eq!((threads(), threads_for(1 << 30), threads_to_fetch(1 << 30)), (1, 1, 1));
                single_threaded(|| ());
                assert_eq!(threads(), 1);
                each_row(Region::Loss, &[0; 1 << 16][..], |_| {
                    assert_eq!(std::thread::current().id(), here);
                });
            });
            assert_eq!(threads(), 3);
            let broken =
                std::panic::catch_unwind(|| single_threaded(|| -> () { panic!("as it must") }));
            assert!(broken.is_err() && threads() == 3);
        });
    }
}
