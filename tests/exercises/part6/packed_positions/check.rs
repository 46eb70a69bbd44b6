//! What a packed row is asked.

use super::answer::{attends, positions, starts};
use exercises::probe::Probe;
use ndarray::Array2;

const ROWS: [&[usize]; 5] = [&[3, 2], &[1, 1, 1], &[4], &[2, 3, 1], &[6, 3, 1]];

pub fn probe(p: &mut Probe) {
    p.part("starts", |p| {
        for lengths in ROWS {
            p.see(format!("where the examples of {lengths:?} begin"), starts(lengths));
        }
    });
    p.part("positions", |p| {
        for lengths in ROWS {
            p.see(format!("the positions in a row of {lengths:?}"), positions(lengths));
        }
    });
    p.part("attends", |p| {
        for lengths in ROWS {
            let n = lengths.iter().sum();
            let table = Array2::from_shape_fn((n, n), |(i, j)| attends(lengths, i, j));
            let what = format!("who attends to whom in a row of {lengths:?}");
            p.see(what, table.mapv(|yes| f64::from(u8::from(yes))));
            // What the triangles of the examples have, counted without the answer.
            let scores: usize = lengths.iter().map(|n| n * (n + 1) / 2).sum();
            let found = table.iter().filter(|yes| **yes).count();
            p.rule(found == scores, || {
                format!(
                    "in a row of {lengths:?} there are {found} pairs, and the examples alone have \
                     {scores}; a row must have what its examples have alone: does any token see \
                     over a border?"
                )
            });
        }
    });
}
