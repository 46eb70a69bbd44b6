//! A list of pieces, an equal part of it for each thread.

use rayon::iter::plumbing::{Producer, ProducerCallback};
use rayon::prelude::*;

use super::spin::join;
use super::threads::parallel;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
