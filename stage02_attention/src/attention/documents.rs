//! Packed sequences: several documents in one row of a batch, none of which sees another.
//!
//! A batch has rows of equal length, and texts have not. Filling short ones up with padding wastes
//! most of the work. *Packing* puts several documents into one row:
//!
//! ```text
//! row        | What is a token? ... | Name three norms. ... | pad |
//! position     0  1  2  3  4  5  6    0  1  2  3  4  5  6     0 1
//! ```
//!
//! Three things must not leak from one document into the next. Attention: a token sees its own
//! document only, so the scores of a row are computed document by document. Position: each document
//! counts from 0, as it will when it stands alone. And the loss: the last token of a document must
//! not be asked for the first of the next one; the code that makes the targets sees to that.
//! Then every number is what it would be in a row of its own: a test asks for that, and that no
//! gradient passes from one document to another.
//!
//! Krell and others 2021, *Efficient sequence packing without cross-contamination*.
//!
//! ```
//! use stage02_attention::attention::documents::Documents;
//!
//! let mut documents = Documents::whole(1, 5); // one row of five tokens
//! assert_eq!(documents.position(4), 4);
//! documents.set(&[vec![3, 2]]);
//! assert_eq!([0, 1, 2, 3, 4].map(|row| documents.position(row)), [0, 1, 2, 0, 1]);
//! ```
//!
//! What this file leaves out: which documents share a row (`stage04_training::finetune`).

use std::ops::Range;

use ndarray::{Array2, ArrayView2, s};

use crate::parallel::Shared;

/// Where the documents of each sequence of a batch begin.
#[derive(Clone, Debug, PartialEq)]
pub struct Documents {
    length: usize,
    /// For every token, where in its sequence its document begins. Shape: (batch * length, 1).
    starts: Array2<usize>,
}

impl Documents {
    /// `batch` sequences of `length` tokens, each of them one document.
    pub fn whole(batch: usize, length: usize) -> Self {
        Documents { length, starts: Array2::zeros((batch * length, 1)) }
    }

    /// Cuts each sequence into documents of these lengths.
    ///
    /// # Panics
    /// When there is not one list for each sequence, or its lengths do not add up to the sequence's.
    pub fn set(&mut self, lengths: &[Vec<usize>]) {
        let length = self.length;
        assert_eq!(lengths.len() * length, self.starts.nrows(), "a list for each sequence");
        for (b, lengths) in lengths.iter().enumerate() {
            assert_eq!(lengths.iter().sum::<usize>(), length, "documents fill their sequence");
            let mut start = 0;
            for n in lengths {
                for row in start..start + n {
                    self.starts[[b * length + row, 0]] = start;
                }
                start += n;
            }
        }
    }

    // ANCHOR: position
    /// The position of a token in its document, by its row in the batch.
    pub fn position(&self, row: usize) -> usize {
        row % self.length - self.starts[[row, 0]]
    }
    // ANCHOR_END: position

    /// Where the documents of sequence `b` begin, for [`ranges`].
    pub(super) fn of_sequence(&self, b: usize) -> ArrayView2<'_, usize> {
        self.starts.slice(s![b * self.length..(b + 1) * self.length, ..])
    }

    /// The documents as every one of `n_head` heads reads them.
    pub(super) fn of_heads(&self, n_head: usize) -> Shared<'_, usize> {
        Shared::new(self.starts.view(), 1, n_head)
    }
}

/// The rows of each document of one sequence, from where its tokens' documents begin.
pub(super) fn ranges(starts: ArrayView2<usize>) -> impl Iterator<Item = Range<usize>> {
    let (length, mut start) = (starts.nrows(), 0);
    std::iter::from_fn(move || {
        let from = start;
        start += (from..length).take_while(|&row| starts[[row, 0]] == from).count();
        (start > from).then_some(from..start)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranges_are_the_lengths_that_were_set(
            lengths in prop::collection::vec(1usize..9, 1..6), again in prop::collection::vec(1usize..9, 1..6),
        ) {
            let (sum, other) = (lengths.iter().sum::<usize>(), again.iter().sum::<usize>());
            let length = sum.max(other);
            let fill = |mut lengths: Vec<usize>, sum| {
                if sum < length {
                    lengths.push(length - sum);
                }
                lengths
            };
            let (first, second) = (fill(lengths, sum), fill(again, other));
            let mut documents = Documents::whole(2, length);
            documents.set(&[second.clone(), first.clone()]);
            documents.set(&[first.clone(), second.clone()]); // nothing is left of what was set before
            for (b, expected) in [first, second].into_iter().enumerate() {
                let rows = documents.of_sequence(b);
                let found: Vec<_> = ranges(rows).map(|range| range.len()).collect();
                prop_assert_eq!(found, expected);
            }
        }
    }
}
