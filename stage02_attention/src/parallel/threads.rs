//! How many threads some work is worth, and how many are available.

use std::cell::Cell;
use std::thread::LocalKey;

use super::spin::is_spinning;

thread_local! {
    /// Whether this thread does its work alone.
    static SINGLE_THREADED: Cell<bool> = const { Cell::new(false) };
}

/// Number of threads available for the work of one layer.
pub fn threads() -> usize {
    if SINGLE_THREADED.get() { 1 } else { rayon::current_num_threads() }
}

/// Runs `work` on this thread alone: none of it is given to other threads, and this thread takes no
/// other work before it returns.
pub fn single_threaded<R>(work: impl FnOnce() -> R) -> R {
    let _back = set(&SINGLE_THREADED);
    work()
}

/// Sets a flag of this thread until the result is dropped, also in a panic.
pub(super) fn set(flag: &'static LocalKey<Cell<bool>>) -> impl Drop {
    struct Back(&'static LocalKey<Cell<bool>>, bool);
    impl Drop for Back {
        fn drop(&mut self) {
            self.0.set(self.1);
        }
    }
    Back(flag, flag.replace(true))
}

/// Number of threads that this number of multiplications is worth.
pub fn threads_for(multiplications: usize) -> usize {
    /// The multiplications that take about as long as waking another thread.
    const FEWEST: usize = 1 << 20;
    threads().min(multiplications / FEWEST).max(1)
}

/// Number of threads worth using to fetch this many bytes from memory, where that is all the work.
pub fn threads_to_fetch(bytes: usize) -> usize {
    threads().min(bytes / fetched()).max(1)
}

/// Bytes that take longer to fetch than another thread takes to begin: few where it spins.
fn fetched() -> usize {
    if is_spinning() { 1 << 16 } else { 1 << 20 }
}

/// Number of rows for one thread: an equal part, and enough to be worth waking it.
pub fn rows_per_thread(rows: usize, cols: usize) -> usize {
    /// The values that take about as long as waking another thread.
    const FEWEST: usize = 1 << 14;
    rows.div_ceil(threads()).max(FEWEST.div_ceil(cols.max(1))).min(rows.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parallel::each_row;
    use crate::profiler::Region;

    #[test]
    fn single_threaded_work_stays_on_its_thread_until_it_returns() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        pool.install(|| {
            assert_eq!(threads(), 3);
            let here = std::thread::current().id();
            single_threaded(|| {
                assert_eq!((threads(), threads_for(1 << 30), threads_to_fetch(1 << 40)), (1, 1, 1));
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
