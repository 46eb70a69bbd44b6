//! A micro-batch on the device.
//!
//! Everything that the device is told about a micro-batch travels in one vector:
//!
//! ```text
//! | tokens ......... | positions ...... | rows ... | targets ...... |
//!   (batch * length)   of packed rows     with a target, and which one
//! ```
//!
//! Positions are sent only where a row holds several documents (stage 2's `documents`), and the numbers
//! of rows only where some row has no target. How many rows there are must be known here: asking the
//! device would mean to wait for it.

use stage01_bigram::loss::IGNORED;
use stage02_attention::attention::documents::Documents;
use tch::{Device, Kind, Tensor};

use super::Torch;

/// Tokens, and what is asked for each.
pub(super) struct Batch {
    /// Shape: (batch, length).
    pub tokens: Tensor,
    /// The position of each token in its document, where a row has several. Shape: (batch, length).
    pub positions: Option<Tensor>,
    /// Which rows of (batch * length) have a target; none: all.
    rows: Option<Tensor>,
    /// The targets of these rows.
    pub targets: Tensor,
}

impl Batch {
    /// Copies a micro-batch to a device.
    ///
    /// tokens: sequences of `length`; targets: as many, or none at all, of which [`IGNORED`] ones do not
    /// count; documents: the lengths of the documents of each sequence; none: one each.
    ///
    /// # Panics
    /// When the documents do not fill their sequences.
    pub fn upload(
        device: Device,
        length: usize,
        tokens: &[u32],
        targets: &[u32],
        documents: Option<&[Vec<usize>]>,
    ) -> Torch<Self> {
        let number = |&token: &u32| i64::from(token);
        let positions = documents.map(|all| positions(all, tokens.len(), length));
        let counts = |row: &usize| targets[*row] != IGNORED;
        let mut rows: Vec<_> = (0..targets.len()).filter(counts).collect();
        let of_rows: Vec<_> = rows.iter().map(|&row| number(&targets[row])).collect();
        if rows.len() == targets.len() {
            rows.clear();
        }
        let parts = [
            tokens.iter().map(number).collect(),
            positions.unwrap_or_default(),
            rows.iter().map(|&row| row as i64).collect(),
            of_rows,
        ];
        let sizes = parts.each_ref().map(|part: &Vec<i64>| part.len() as i64);
        let parts = upload(&parts.concat(), device)?.f_split_with_sizes(sizes, 0)?;
        let [tokens, positions, rows, targets] = parts.try_into().expect("four parts");
        let in_rows = |part: &Tensor| part.f_view([-1, length as i64]);
        let sent = |part: &Tensor| part.numel() > 0;
        Ok(Batch {
            tokens: in_rows(&tokens)?,
            positions: Some(&positions).filter(|part| sent(part)).map(in_rows).transpose()?,
            rows: Some(rows).filter(sent),
            targets,
        })
    }

    /// The rows that have a target. x: (batch * length, columns).
    pub fn with_targets(&self, x: Tensor) -> Torch<Tensor> {
        match &self.rows {
            Some(rows) => x.f_index_select(0, rows),
            None => Ok(x),
        }
    }
}

/// Copies numbers to a device.
fn upload(numbers: &[i64], device: Device) -> Torch<Tensor> {
    let numbers = Tensor::f_from_slice(numbers)?;
    if device.is_cuda() {
        // From pinned memory the GPU copies by itself, while the program goes on.
        let pinned = numbers.f_internal_pin_memory(device)?;
        return pinned.f_to_device_(device, Kind::Int64, true, false);
    }
    numbers.f_to_device(device)
}

/// The position of each of `tokens` tokens in its document; empty where each sequence is one.
fn positions(lengths: &[Vec<usize>], tokens: usize, length: usize) -> Vec<i64> {
    let mut documents = Documents::whole(tokens / length, length);
    documents.set(lengths);
    let several = |lengths: &Vec<usize>| !lengths.contains(&length);
    if !lengths.iter().any(several) {
        return vec![];
    }
    (0..tokens).map(|row| documents.position(row) as i64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(tensor: &Tensor) -> Vec<i64> {
        Vec::try_from(tensor.f_reshape([-1]).unwrap()).unwrap()
    }

    #[test]
    fn a_batch_holds_what_is_needed_and_no_more() {
        let (x, mut y) = ([1, 2, 3, 4, 5, 6], [2, 3, 4, 5, 6, 7]);
        let whole = [vec![3], vec![3]];
        for documents in [None, Some(&whole[..])] {
            let batch = Batch::upload(Device::Cpu, 3, &x, &y, documents).unwrap();
            assert_eq!(batch.tokens.size(), [2, 3]);
            assert!(batch.positions.is_none() && batch.rows.is_none());
            assert_eq!(numbers(&batch.targets), [2, 3, 4, 5, 6, 7]);
        }

        (y[1], y[5]) = (IGNORED, IGNORED);
        let packed = [vec![2, 1], vec![0, 3]];
        let batch = Batch::upload(Device::Cpu, 3, &x, &y, Some(&packed)).unwrap();
        assert_eq!(numbers(&batch.tokens), [1, 2, 3, 4, 5, 6]);
        assert_eq!(numbers(&batch.positions.unwrap()), [0, 1, 0, 0, 1, 2]);
        assert_eq!(numbers(&batch.rows.unwrap()), [0, 2, 3, 4]);
        assert_eq!(numbers(&batch.targets), [2, 4, 5, 6]);
    }
}
