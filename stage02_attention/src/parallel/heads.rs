//! Heads: one call runs attention for every head of every sequence.
//!
//! A head of a sequence reads its own rows and columns of some matrices and writes its own rows
//! and columns of others:
//!
//! ```text
//!               head 0    head 1    head 2
//! sequence 0  | h0 s0   | h1 s0   | h2 s0   |     a matrix of (batch * length) rows
//! sequence 1  | h0 s1   | h1 s1   | h2 s1   |     and n_head * (columns of a head) columns
//! ```
//!
//! So the blocks never overlap, and any number of threads can work on them in any order with the
//! same result. Nothing is copied: a block is a view of each matrix.
//!
//! ```
//! use ndarray::array;
//! use stage02_attention::parallel::{PerThread, each_head};
//!
//! // Two sequences of one token, three heads of two columns: add up each head's numbers.
//! let x = array![[1, 2, 3, 4, 5, 6], [10, 20, 30, 40, 50, 60]];
//! let mut sums = array![[0, 0, 0], [0, 0, 0]];
//! let scratch = &mut PerThread::<f32>::new(0);
//! each_head(2, (2, 3), (x.view(), sums.view_mut()), scratch, |(x, mut sum), _| {
//!     sum[[0, 0]] = x.sum();
//! });
//! assert_eq!(sums, array![[3, 7, 11], [30, 70, 110]]);
//! ```

use ndarray::{ArrayView2, ArrayViewMut2, Axis, s};

use super::spin::join;
use super::threads::threads;
use crate::profiler::{Region, time};

/// What [`each_head`] can cut into a block for each head of each sequence: a matrix to read or to
/// write, a matrix or nothing (`Option`), or a tuple of these.
pub trait Heads: Sized + Send {
    /// The first `at` of `n` equal parts along an axis, and the other parts.
    fn split(self, axis: Axis, at: usize, n: usize) -> (Self, Self);
}

impl<T: Sync> Heads for ArrayView2<'_, T> {
    fn split(self, axis: Axis, at: usize, n: usize) -> (Self, Self) {
        self.split_at(axis, self.len_of(axis) / n * at)
    }
}

impl<T: Send> Heads for ArrayViewMut2<'_, T> {
    fn split(self, axis: Axis, at: usize, n: usize) -> (Self, Self) {
        let at = self.len_of(axis) / n * at;
        self.split_at(axis, at)
    }
}

impl<M: Heads> Heads for Option<M> {
    fn split(self, axis: Axis, at: usize, n: usize) -> (Self, Self) {
        self.map(|all| all.split(axis, at, n)).unzip()
    }
}

/// A matrix of fewer heads than the others, each of which serves a group of theirs: the keys of
/// grouped-query attention, to be read by every query head.
///
/// Cutting it by heads leaves it whole and notes whose head it is; a block is [`Shared::head`].
#[derive(Clone, Copy, Debug)]
pub struct Shared<'a, T> {
    matrix: ArrayView2<'a, T>,
    /// Columns of a head.
    size: usize,
    /// How many of the others' heads each head serves.
    group: usize,
    /// The first of the others' heads in this part.
    first: usize,
}

impl<'a, T: Copy> Shared<'a, T> {
    /// matrix: of heads of `size` columns, each of which serves `group` heads.
    pub fn new(matrix: ArrayView2<'a, T>, size: usize, group: usize) -> Self {
        Shared { matrix, size, group, first: 0 }
    }

    /// The head that serves the first head of this part.
    pub fn head(self) -> ArrayView2<'a, T> {
        let at = self.first / self.group * self.size;
        self.matrix.slice_move(s![.., at..at + self.size])
    }
}

impl<T: Copy + Sync> Heads for Shared<'_, T> {
    fn split(self, axis: Axis, at: usize, n: usize) -> (Self, Self) {
        if axis == Axis(1) {
            return (self, Shared { first: self.first + at, ..self });
        }
        let (before, after) = self.matrix.split(axis, at, n);
        (Shared { matrix: before, ..self }, Shared { matrix: after, ..self })
    }
}

/// A tuple is cut member by member.
macro_rules! member_by_member {
    ($($member:ident $first:ident $second:ident),+) => {
        impl<$($member: Heads),+> Heads for ($($member,)+) {
            fn split(self, axis: Axis, at: usize, n: usize) -> (Self, Self) {
                #[allow(non_snake_case)]
                let ($($member,)+) = self;
                $(let ($first, $second) = $member.split(axis, at, n);)+
                (($($first,)+), ($($second,)+))
            }
        }
    };
}

member_by_member!(A a a2, B b b2);
member_by_member!(A a a2, B b b2, C c c2);
member_by_member!(A a a2, B b b2, C c c2, D d d2);

/// Scratch memory for each thread that works on heads.
///
/// It is allocated for the threads that are available where it is made, and grows when a pass
/// brings more: how many threads a pass uses never depends on where its buffers were made.
#[derive(Clone, Debug)]
pub struct PerThread<T> {
    /// Values per thread.
    len: usize,
    values: Vec<T>,
}

impl<T: Copy + Default> PerThread<T> {
    /// Scratch of `len` values for each thread.
    pub fn new(len: usize) -> Self {
        PerThread { len, values: vec![T::default(); threads() * len] }
    }

    /// The scratch of this number of threads, one after another, with its old content.
    pub fn of(&mut self, threads: usize) -> &mut [T] {
        if self.values.len() < threads * self.len {
            self.values.resize(threads * self.len, T::default());
        }
        &mut self.values[..threads * self.len]
    }
}

/// Runs `work` for every head of every sequence, with its block of `all` and the scratch of its
/// thread.
///
/// threads: the most to use; (batch, n_head): the number of equal parts of the rows and of the
/// columns of each matrix in `all`.
pub fn each_head<H: Heads, T: Copy + Default + Send>(
    threads: usize,
    (batch, n_head): (usize, usize),
    all: H,
    scratch: &mut PerThread<T>,
    work: impl Fn(H, &mut [T]) + Sync,
) {
    cut(threads, (batch, n_head), all, scratch.of(threads), &work);
}

/// Halves the heads, or the sequences of one head, until there is a part for each thread.
fn cut<H: Heads, T: Send>(
    threads: usize,
    (batch, n_head): (usize, usize),
    all: H,
    scratch: &mut [T],
    work: &(impl Fn(H, &mut [T]) + Sync),
) {
    if threads < 2 || batch * n_head < 2 {
        return time(Region::Attention, || in_order((batch, n_head), all, scratch, work));
    }
    // Heads first: there are as many in every sequence. Then the sequences of one head; and these
    // first where they, and not the heads, can be cut as the threads are.
    let half = threads / 2;
    let even = |n: usize| n > 1 && (n * half).is_multiple_of(threads);
    let by_heads = n_head > 1 && (even(n_head) || !even(batch));
    let (axis, n) = if by_heads { (Axis(1), n_head) } else { (Axis(0), batch) };
    let at = (n * half / threads).max(1);
    let (first, second) = all.split(axis, at, n);
    let (scratch_1, scratch_2) = scratch.split_at_mut(scratch.len() / threads * half);
    let sizes = |n| if axis == Axis(1) { (batch, n) } else { (n, n_head) };
    join(
        || cut(half, sizes(at), first, scratch_1, work),
        || cut(threads - half, sizes(n - at), second, scratch_2, work),
    );
}

/// All heads on this thread, each with all its sequences.
fn in_order<H: Heads, T>(
    (batch, n_head): (usize, usize),
    mut all: H,
    scratch: &mut [T],
    work: &impl Fn(H, &mut [T]),
) {
    for heads in (1..=n_head).rev() {
        let (mut head, others) = all.split(Axis(1), 1, heads);
        all = others;
        for sequences in (1..=batch).rev() {
            let (block, later) = head.split(Axis(0), 1, sequences);
            head = later;
            work(block, scratch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_block_is_computed_once_by_any_number_of_threads(
            groups in 1usize..6, group in 1usize..3, batch in 1usize..6, length in 1usize..4,
            size in 1usize..4, threads in 1usize..20,
        ) {
            let n_head = groups * group;
            let shared = Array2::from_shape_fn((batch, groups), |(b, g)| b * groups + g);
            let shape = (batch * length, n_head * size);
            let input = Array2::from_shape_fn(shape, |(i, j)| (i * 1000 + j) as f64);
            let (mut output, mut count) = (Array2::zeros(shape), Array2::<f64>::zeros((batch, n_head)));
            let numbers = Array2::from_shape_fn((batch, n_head), |(b, h)| b * n_head + h);
            // Allocated for the available threads and used by more: it grows.
            let scratch = &mut PerThread::<f64>::new(3);
            let matrices = (input.view(), output.view_mut(), Shared::new(shared.view(), 1, group));
            let all = (matrices, count.view_mut(), Some(numbers.view()));
            each_head(threads, (batch, n_head), all, scratch, |((x, mut y, shared), mut count, number), scratch| {
                assert!(scratch.len() >= 3 && x.dim() == (length, size));
                let number = number.unwrap()[[0, 0]];
                assert_eq!(x[[0, 0]], ((number / n_head) * length * 1000 + (number % n_head) * size) as f64);
                assert_eq!(shared.head()[[0, 0]], number / n_head * groups + number % n_head / group);
                y.assign(&x);
                count[[0, 0]] += 1.0;
            });
            prop_assert_eq!(output, input);
            prop_assert!(count.iter().all(|&n| n == 1.0));
        }
    }

    #[test]
    fn buffers_made_for_one_thread_do_not_take_threads_from_a_later_pass() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let scratch = &mut crate::parallel::single_threaded(|| PerThread::<f32>::new(5));
        assert_eq!(scratch.values.len(), 5);
        let mut out = Array2::<usize>::zeros((1, 2));
        // Each head waits until the other one has begun: one thread alone would wait for ever.
        let begun = std::sync::Barrier::new(2);
        pool.install(|| {
            each_head(2, (1, 2), out.view_mut(), scratch, |mut out, scratch| {
                begun.wait();
                out[[0, 0]] = scratch.len();
            });
        });
        assert_eq!(out, ndarray::array![[5, 5]]);
    }
}
