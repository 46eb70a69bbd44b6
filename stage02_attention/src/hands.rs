//! Many hands: work that is cut into pieces, one for each thread.
//!
//! Nothing is cut unless several threads stand ready. That is said by the thread pool a layer
//! happens to run in (`rayon`'s): the trainer gives small models to one thread per part of the
//! batch, so that layers run alone, and wide ones to all threads together. Where the pieces are
//! cut depends on how many hands there are, never on which of them is fast.

use std::cell::Cell;
use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::Yield;
use rayon::iter::plumbing::{Producer, ProducerCallback};
use rayon::prelude::*;

/// How many threads stand ready for the work of one layer.
pub fn hands() -> usize {
    rayon::current_num_threads()
}

/// How many threads so many multiplications are worth.
pub fn hands_for(multiplications: usize) -> usize {
    /// So many take about as long as waking another thread.
    const FEWEST: usize = 1 << 20;
    hands().min(multiplications / FEWEST).max(1)
}

/// How many threads it takes to fetch so many numbers from memory, where that is all the work.
pub fn hands_to_fetch(numbers: usize) -> usize {
    hands().min(numbers / FETCHED).max(1)
}

/// So many numbers take longer to fetch than another thread takes to begin.
pub const FETCHED: usize = 1 << 18;

/// Does some work that is shared out again and again, and keeps all hands awake meanwhile.
///
/// A thread without work falls asleep, and waking it takes longer than many a layer. Here the
/// idle ones look for work without rest until all is done, as those of other engines do.
pub fn awake<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    thread_local! {
        /// Whether this thread is in the middle of such work. It must not wait for the end of
        /// work, neither of its own nor of another's.
        static LEADS: Cell<bool> = const { Cell::new(false) };
    }
    /// Lets the others rest, also when the work panics.
    struct Rest<'a> {
        done: &'a AtomicBool,
        led_before: bool,
    }
    impl Drop for Rest<'_> {
        fn drop(&mut self) {
            self.done.store(true, Ordering::Relaxed);
            LEADS.set(self.led_before);
        }
    }
    if hands() < 2 {
        return work();
    }
    let done = &AtomicBool::new(false);
    rayon::scope(|scope| {
        scope.spawn_broadcast(move |_, _| {
            while !LEADS.get() && !done.load(Ordering::Relaxed) {
                if rayon::yield_now() != Some(Yield::Executed) {
                    spin_loop();
                }
            }
        });
        let _rest = Rest { done, led_before: LEADS.replace(true) };
        work()
    })
}

/// How many rows one hand takes: an equal part, and no fewer than are worth the handing over.
pub fn rows_each(rows: usize, cols: usize) -> usize {
    /// So many numbers take about as long as waking another thread.
    const FEWEST: usize = 1 << 14;
    rows.div_ceil(hands()).max(FEWEST.div_ceil(cols.max(1))).min(rows.max(1))
}

/// Does some work for every piece. A single piece is done here and now: handing it over would
/// take longer than many a layer.
pub fn each<I: IndexedParallelIterator>(pieces: I, work: impl Fn(I::Item) + Send + Sync) {
    /// What to do with the pieces, one after another.
    struct Alone<W>(W);
    impl<T, W: Fn(T)> ProducerCallback<T> for Alone<W> {
        type Output = ();
        fn callback<P: Producer<Item = T>>(self, pieces: P) {
            pieces.into_iter().for_each(self.0);
        }
    }
    if pieces.len() > 1 {
        pieces.for_each(work);
    } else {
        pieces.with_producer(Alone(work));
    }
}

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
    let length = rows_each(changed.len(), 1);
    let pieces = changed.par_chunks_mut(length).zip(given.par_chunks(length));
    each(pieces, |(changed, given)| work(changed, given));
}

/// Changes two lists of numbers together: `work(a, b)` for equal parts of both.
///
/// # Panics
/// When the two are not equally long.
pub fn zip_mut<T: Send>(a: &mut [T], b: &mut [T], work: impl Fn(&mut [T], &mut [T]) + Send + Sync) {
    assert_eq!(a.len(), b.len());
    let length = rows_each(a.len(), 1);
    each(a.par_chunks_mut(length).zip(b.par_chunks_mut(length)), |(a, b)| work(a, b));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::AssertUnwindSafe;
    use std::time::{Duration, Instant};

    #[test]
    fn every_piece_is_worked_on_once_and_a_single_one_by_the_caller() {
        for n in [0, 1, 2, 100] {
            let mut counts = vec![0; n];
            each(counts.par_iter_mut(), |count| *count += 1);
            assert!(counts.iter().all(|&count| count == 1));
        }
        let here = std::thread::current().id();
        each([0].par_iter(), |_| assert_eq!(std::thread::current().id(), here));
    }

    #[test]
    fn work_that_is_shared_out_comes_back_whole_and_panics_do_not_hang() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let total = pool.install(|| {
            awake(|| {
                (0..200)
                    .map(|i| {
                        let (a, b) = rayon::join(|| i, || 2 * i);
                        a + b
                    })
                    .sum::<i32>()
            })
        });
        assert_eq!(total, 3 * 199 * 200 / 2);
        // Two at once, on the same threads, must not wait for each other.
        // The second half is taken by another hand and takes longer, so the first one waits.
        let busy = |micros| {
            let start = Instant::now();
            while start.elapsed() < Duration::from_micros(micros) {}
            1
        };
        let many = || {
            let pair = |_| rayon::join(|| busy(20), || busy(60));
            awake(|| (0..300).map(pair).map(|(a, b)| a + b).sum::<i32>())
        };
        assert_eq!(pool.install(|| rayon::join(many, many)), (600, 600));
        let broken = || pool.install(|| awake(|| -> () { panic!("as it must") }));
        assert!(std::panic::catch_unwind(AssertUnwindSafe(broken)).is_err());
    }
}
