//! What `arithmetic_intensity` is asked.

use super::answer::{border, bytes, one_row, operations};
use exercises::probe::Probe;
use ndarray::Array2;
use std::cell::Cell;
use std::ops::{Add, Mul};

thread_local! {
    /// How many operations were done with a [`Counted`].
    static DONE: Cell<usize> = const { Cell::new(0) };
}

/// A number that counts what is done with it.
#[derive(Clone, Copy)]
struct Counted(f32);

impl Add for Counted {
    type Output = Counted;
    fn add(self, other: Counted) -> Counted {
        DONE.set(DONE.get() + 1);
        Counted(self.0 + other.0)
    }
}

impl Mul for Counted {
    type Output = Counted;
    fn mul(self, other: Counted) -> Counted {
        DONE.set(DONE.get() + 1);
        Counted(self.0 * other.0)
    }
}

/// Multiplies, and counts: operations, and bytes of all numbers that took part.
fn product(rows: usize, n: usize) -> (usize, usize) {
    let (a, b) =
        (Array2::from_elem((rows, n), Counted(1.0)), Array2::from_elem((n, n), Counted(2.0)));
    let mut c = Array2::from_elem((rows, n), Counted(0.0));
    DONE.set(0);
    for ((i, j), c) in c.indexed_iter_mut() {
        for k in 0..n {
            *c = *c + a[[i, k]] * b[[k, j]];
        }
    }
    (DONE.get(), (a.len() + b.len() + c.len()) * size_of::<f32>())
}

pub fn probe(p: &mut Probe) {
    let (done, moved) = product(16, 32);
    p.part("operations", |p| p.predict("the operations, counted", operations(), done));
    p.part("bytes", |p| p.predict("the bytes, counted", bytes(), moved));
    p.part("border", |p| {
        p.predict("operations per byte at the border", border(), 120e9 / 30e9);
    });
    p.part("one_row", |p| {
        let guess = one_row();
        let (done, _) = product(1, 100);
        let per_byte = done as f64 / (100.0 * 100.0 * size_of::<f32>() as f64);
        p.predict("billions of operations per second", guess, 120f64.min(30.0 * per_byte));
    });
}
