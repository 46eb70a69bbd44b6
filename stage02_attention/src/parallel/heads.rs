//! Handing out heads: every head of every sequence is work of its own.
//!
//! A head of a sequence reads its own columns and rows of some tables and writes its own
//! columns and rows of others:
//!
//! ```text
//!               head 0    head 1    head 2
//! sequence 0  | h0 s0   | h1 s0   | h2 s0   |     a table of (sequences * length) rows
//! sequence 1  | h0 s1   | h1 s1   | h2 s1   |     and heads * (columns of a head) columns
//! ```
//!
//! So the pieces never touch, and any number of hands can work on them in any order with the
//! same result. Nothing is copied: a piece is a view of each table.

use ndarray::{ArrayView2, ArrayViewMut2, Axis};

use super::spin::join;
use crate::profiler::{Region, time};

/// Some heads of some sequences: what they read and what they write.
pub(crate) struct Heads<'a, T, S, const R: usize, const W: usize> {
    pub heads: usize,
    pub sequences: usize,
    pub reads: [ArrayView2<'a, T>; R],
    pub writes: [ArrayViewMut2<'a, T>; W],
    /// Something more for each head of each sequence. Shape: (sequences, heads).
    pub extra: ArrayView2<'a, S>,
    /// Room to work in: equally much for each of the hands, one after another.
    pub rooms: &'a mut [T],
}

impl<T: Send + Sync, S: Sync, const R: usize, const W: usize> Heads<'_, T, S, R, W> {
    /// Calls `work` for every head of every sequence: with what it reads, what it writes, its
    /// extra (if there is any), and some room.
    ///
    /// hands: on how many threads; as many equal parts of `rooms` are used.
    pub fn each<F>(self, threads: usize, work: &F)
    where
        F: Fn([ArrayView2<T>; R], [ArrayViewMut2<T>; W], Option<&S>, &mut [T]) + Sync,
    {
        self.cut(threads, &|part: Heads<'_, T, S, R, W>| {
            let Heads { heads, sequences, reads, mut writes, extra, rooms } = part;
            for h in 0..heads {
                for b in 0..sequences {
                    work(
                        reads.map(|t| part_of(t, (b, sequences), (h, heads))),
                        writes.each_mut().map(|t| part_of_mut(t, (b, sequences), (h, heads))),
                        extra.get((b, h)),
                        rooms,
                    );
                }
            }
        });
    }

    /// Halves the heads, or the sequences of one head, until there is a part for each hand.
    fn cut(self, threads: usize, work: &(impl Fn(Heads<'_, T, S, R, W>) + Sync)) {
        let Heads { heads, sequences, reads, writes, extra, rooms } = self;
        if threads == 1 || heads * sequences <= 1 {
            let all = Heads { heads, sequences, reads, writes, extra, rooms };
            return time(Region::Attention, || work(all));
        }
        // Heads first: there are as many in every sequence. Then the sequences of one head.
        let half = threads / 2;
        let (axis, n) = if heads > 1 { (Axis(1), heads) } else { (Axis(0), sequences) };
        let at = (n * half / threads).max(1);
        let extra_at = at.min(extra.len_of(axis));
        let (extra_1, extra_2) = extra.split_at(axis, extra_at);
        let (rooms_1, rooms_2) = rooms.split_at_mut(rooms.len() / threads * half);
        let (reads_1, reads_2) = unzip(reads.map(|t| t.split_at(axis, t.len_of(axis) / n * at)));
        let (writes_1, writes_2) = unzip(writes.map(|t| {
            let at = t.len_of(axis) / n * at;
            t.split_at(axis, at)
        }));
        let sizes = |n| if axis == Axis(1) { (n, sequences) } else { (heads, n) };
        let ((heads_1, sequences_1), (heads_2, sequences_2)) = (sizes(at), sizes(n - at));
        let first = Heads {
            heads: heads_1,
            sequences: sequences_1,
            reads: reads_1,
            writes: writes_1,
            extra: extra_1,
            rooms: rooms_1,
        };
        let second = Heads {
            heads: heads_2,
            sequences: sequences_2,
            reads: reads_2,
            writes: writes_2,
            extra: extra_2,
            rooms: rooms_2,
        };
        join(|| first.cut(half, work), || second.cut(threads - half, work));
    }
}

/// The `b`th of some equal parts of the rows, and the `h`th of some equal parts of the columns.
fn part_of<'a, T>(
    table: ArrayView2<'a, T>,
    (b, sequences): (usize, usize),
    (h, heads): (usize, usize),
) -> ArrayView2<'a, T> {
    let (rows, cols) = (table.nrows() / sequences, table.ncols() / heads);
    table.slice_move(ndarray::s![b * rows..(b + 1) * rows, h * cols..(h + 1) * cols])
}

/// [`part_of`], to be written to.
fn part_of_mut<'a, T>(
    table: &'a mut ArrayViewMut2<T>,
    (b, sequences): (usize, usize),
    (h, heads): (usize, usize),
) -> ArrayViewMut2<'a, T> {
    let (rows, cols) = (table.nrows() / sequences, table.ncols() / heads);
    table.slice_mut(ndarray::s![b * rows..(b + 1) * rows, h * cols..(h + 1) * cols])
}

fn unzip<A, const N: usize>(pairs: [(A, A); N]) -> ([A; N], [A; N]) {
    let mut seconds = Vec::with_capacity(N);
    let firsts = pairs.map(|(first, second)| {
        seconds.push(second);
        first
    });
    (firsts, seconds.try_into().unwrap_or_else(|_| unreachable!("as many as pairs")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_piece_is_done_once_by_any_number_of_hands(
            heads in 1usize..6, sequences in 1usize..6, length in 1usize..4, size in 1usize..4, threads in 1usize..20,
        ) {
            let shape = (sequences * length, heads * size);
            let input = Array2::from_shape_fn(shape, |(i, j)| (i * 1000 + j) as f64);
            let (mut output, mut count) = (Array2::zeros(shape), Array2::zeros((sequences, heads)));
            let numbers = Array2::from_shape_fn((sequences, heads), |(b, h)| b * heads + h);
            let mut rooms = vec![0.0; threads * 3];
            let task = Heads {
                heads, sequences,
                reads: [input.view()],
                writes: [output.view_mut(), count.view_mut()],
                extra: numbers.view(),
                rooms: &mut rooms,
            };
            task.each(threads, &|[x], [mut y, mut count], number, room| {
                assert!(room.len() >= 3 && x.dim() == (length, size));
                assert_eq!(x[[0, 0]], ((number.unwrap() / heads) * length * 1000 + (number.unwrap() % heads) * size) as f64);
                y.assign(&x);
                count[[0, 0]] += 1.0;
            });
            prop_assert_eq!(output, input);
            prop_assert!(count.iter().all(|&n| n == 1.0));
        }
    }
}
