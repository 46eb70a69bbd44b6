//! Many hands: work that is cut into pieces, one for each thread.
//!
//! Nothing is cut unless several threads stand ready: those of the thread pool a layer happens to
//! run in (`rayon`'s), unless it is told to work [`single_threaded`]. The trainer lets every thread work
//! alone on its part of the batch where a model is small, and all threads together where it is
//! wide. Where the pieces are cut depends on how many hands there are, never on which is fast.

use std::cell::Cell;
use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::LocalKey;

use rayon::Yield;
use rayon::iter::plumbing::{Producer, ProducerCallback};
use rayon::prelude::*;

thread_local! {
    /// Whether this thread is to share its work with nobody.
    static SINGLE_THREADED: Cell<bool> = const { Cell::new(false) };
    /// Whether this thread is in the middle of work that is shared out. It must not wait for the
    /// end of such work, neither of its own nor of another's.
    static LEADS: Cell<bool> = const { Cell::new(false) };
    /// Whether this thread is to stay awake where it waits.
    static SPINNING: Cell<bool> = const { Cell::new(false) };
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
fn set(mark: &'static LocalKey<Cell<bool>>) -> impl Drop {
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

/// Does some work that is shared out again and again, and keeps all hands awake meanwhile.
///
/// A thread without work falls asleep, and waking it takes longer than many a layer. Here the
/// idle ones look for work without rest until all is done, as those of other engines do.
pub fn spinning<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    if threads() < 2 {
        return work();
    }
    let done = &AtomicBool::new(false);
    rayon::scope(|scope| {
        scope.spawn_broadcast(move |_, _| {
            let _spinning = set(&SPINNING);
            spin_until(|| LEADS.get() || done.load(Ordering::Relaxed));
        });
        let _rest = (SetAtTheEnd(done), set(&LEADS), set(&SPINNING));
        work()
    })
}

/// Does what others have left to do, again and again, without rest in between.
fn spin_until(enough: impl Fn() -> bool) {
    while !enough() {
        if rayon::yield_now() != Some(Yield::Executed) {
            spin_loop();
        }
    }
}

/// Says that something is done, also when it panics.
struct SetAtTheEnd<'a>(&'a AtomicBool);

impl Drop for SetAtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Does both, side by side where there is another hand. In work that is kept [`spinning`], who is
/// done first waits awake: falling asleep and being woken would take longer than many a layer.
pub fn join<A: Send, B: Send>(
    a: impl FnOnce() -> A + Send,
    b: impl FnOnce() -> B + Send,
) -> (A, B) {
    if threads() < 2 {
        return (a(), b());
    }
    if !SPINNING.get() {
        return rayon::join(a, b);
    }
    let (done, mut result) = (&AtomicBool::new(false), None);
    let a = rayon::in_place_scope(|scope| {
        let result = &mut result;
        scope.spawn(move |_| {
            let _done = SetAtTheEnd(done);
            *result = Some(b());
        });
        let a = a();
        spin_until(|| done.load(Ordering::Acquire));
        a
    });
    (a, result.expect("a panic would have been passed on"))
}

/// How many rows one hand takes: an equal part, and no fewer than are worth the handing over.
pub fn rows_per_thread(rows: usize, cols: usize) -> usize {
    /// So many numbers take about as long as waking another thread.
    const FEWEST: usize = 1 << 14;
    rows.div_ceil(threads()).max(FEWEST.div_ceil(cols.max(1))).min(rows.max(1))
}

/// How many pieces a hand gets at least, where so many are shared out among some hands: the
/// `with_min_len` of [`each`]. Rounded down, because a last piece too few would leave a hand idle.
// ANCHOR: fewest
pub fn min_len(pieces: usize, threads: usize) -> usize {
    (pieces / threads).max(1)
}
// ANCHOR_END: fewest

/// Does some work for every piece. Each hand gets an equal part of them, or at least as many as
/// `with_min_len` says; a single part is done here and now.
pub fn each<I: IndexedParallelIterator>(pieces: I, work: impl Fn(I::Item) + Sync) {
    /// What to do with so many pieces.
    struct Cut<W>(usize, W);
    impl<T, W: Fn(T) + Sync> ProducerCallback<T> for Cut<W> {
        type Output = ();
        fn callback<P: Producer<Item = T>>(self, pieces: P) {
            let Cut(n, work) = self;
            let threads = threads().min(n / pieces.min_len().max(1));
            cut(pieces, n, threads, &work);
        }
    }
    /// Halves the pieces until there is a part for each hand.
    fn cut<P: Producer>(pieces: P, n: usize, threads: usize, work: &(impl Fn(P::Item) + Sync)) {
        if threads < 2 {
            return pieces.into_iter().for_each(work);
        }
        // ANCHOR: cut
        let (half, at) = (threads / 2, n * (threads / 2) / threads);
        let (first, second) = pieces.split_at(at);
        join(|| cut(first, at, half, work), || cut(second, n - at, threads - half, work));
        // ANCHOR_END: cut
    }
    let n = pieces.len();
    pieces.with_producer(Cut(n, work));
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
    fn no_hand_is_left_idle_because_the_pieces_are_odd() {
        for threads in 1..20 {
            for pieces in threads..200 {
                assert!(pieces / min_len(pieces, threads) >= threads, "{pieces} for {threads}");
            }
        }
        // Of five pieces, with at least two for each of three hands, two hands get a part. A part
        // is not left before it is done, so its pieces follow each other.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let done = std::sync::Mutex::new(Vec::new());
        pool.install(|| {
            each((0..5).into_par_iter().with_min_len(2), |i| {
                done.lock().unwrap().push((rayon::current_thread_index(), i));
            });
        });
        let mut done = done.into_inner().unwrap();
        done.sort_by_key(|&(_, i)| i);
        let threads: Vec<_> = done.iter().map(|(thread, _)| thread).collect();
        assert!(threads[0] == threads[1] && threads[2] == threads[3] && threads[3] == threads[4]);
    }

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
                each([0; 100].par_iter(), |_| assert_eq!(std::thread::current().id(), here));
            });
            assert_eq!(threads(), 3);
            let broken =
                std::panic::catch_unwind(|| single_threaded(|| -> () { panic!("as it must") }));
            assert!(broken.is_err() && threads() == 3);
        });
    }

    #[test]
    fn work_that_is_shared_out_comes_back_whole_and_panics_do_not_hang() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let total = pool.install(|| {
            spinning(|| {
                (0..200)
                    .map(|i| {
                        let (a, b) = join(|| i, || 2 * i);
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
            let pair = |_| join(|| busy(20), || busy(60));
            spinning(|| (0..300).map(pair).map(|(a, b)| a + b).sum::<i32>())
        };
        assert_eq!(pool.install(|| rayon::join(many, many)), (600, 600));
        let broken = || pool.install(|| spinning(|| -> () { panic!("as it must") }));
        assert!(std::panic::catch_unwind(AssertUnwindSafe(broken)).is_err());
        // A half that panics is not waited for.
        for i in 0..2 {
            let half = |at| move || assert_ne!(i, at, "as it must");
            let broken = || pool.install(|| spinning(|| join(half(0), half(1))));
            assert!(std::panic::catch_unwind(AssertUnwindSafe(broken)).is_err());
        }
    }
}
