//! A matrix product in tiles.
//!
//! c = a b, cut into tiles of `tile` rows and columns. The tile of c at block row i and block
//! column j is a sum of products of tiles:
//!
//!   c tile (i, j) = sum over k of  a tile (i, k) · b tile (k, j)
//!
//! At the edges tiles are smaller, where the sizes are no multiples of `tile`. The products of
//! tiles are not yours: `multiply_add(a, b, c)` adds the product of the tiles a and b to the
//! tile c. It is given to you, as the registers' work is given to a blocked product.
//!
//! Example: a (4, 4) times b (4, 4) with tiles of 2 is 2 · 2 · 2 = 8 calls, two for each of the
//! four tiles of c. With tiles of 3 it is 8 as well: the second ones have one row or one
//! column.
//!
//! `a.slice(s![i..i_end, k..k_end])` is a tile lent for reading, `c.slice_mut(s![…])` one lent
//! for changing. `(0..n).step_by(tile)` is 0, tile, 2 tile, … below n.

use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};

/// Adds the product of two tiles to a third: c += a b.
pub type MultiplyAdd<'a> = &'a mut dyn FnMut(ArrayView2<f64>, ArrayView2<f64>, ArrayViewMut2<f64>);

/// a b. a: (m, k); b: (k, n); result: (m, n). No tile has more than `tile` rows or columns.
pub fn blocked(
    a: &Array2<f64>,
    b: &Array2<f64>,
    tile: usize,
    multiply_add: MultiplyAdd,
) -> Array2<f64> {
    let (m, n, inner) = (a.nrows(), b.ncols(), a.ncols());
    let mut c = Array2::zeros((m, n));
    // SOLUTION
    for i in (0..m).step_by(tile) {
        for j in (0..n).step_by(tile) {
            for k in (0..inner).step_by(tile) {
                let rows = i..(i + tile).min(m);
                let columns = j..(j + tile).min(n);
                let between = k..(k + tile).min(inner);
                multiply_add(
                    a.slice(s![rows.clone(), between.clone()]),
                    b.slice(s![between, columns.clone()]),
                    c.slice_mut(s![rows, columns]),
                );
            }
        }
    }
    // STUB
    // // Cut m, n and inner into pieces of `tile`, and call multiply_add for each three tiles
    // // that belong together.
    // todo!();
    // END
    c
}
