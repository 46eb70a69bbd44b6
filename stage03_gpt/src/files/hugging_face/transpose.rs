//! Between the orientation of a file and the columns of a matrix of this crate.

/// The side of a square that is transposed at a time: two of them lie in the nearest cache.
const SIDE: usize = 32;

/// `matrix[i, first + j] = from[j, i]`.
///
/// from: (columns, rows); matrix: (rows, width), of which the columns from `first` on are written.
pub(super) fn into_columns(
    from: &[f32],
    rows: usize,
    matrix: &mut [f32],
    width: usize,
    first: usize,
) {
    let columns = from.len() / rows;
    for j0 in (0..columns).step_by(SIDE) {
        for i0 in (0..rows).step_by(SIDE) {
            for i in i0..(i0 + SIDE).min(rows) {
                for j in j0..(j0 + SIDE).min(columns) {
                    matrix[i * width + first + j] = from[j * rows + i];
                }
            }
        }
    }
}

/// The columns from `first` on, as rows: `result[j, i] = matrix[i, first + j]`.
///
/// matrix: (rows, width); result: (columns, rows).
pub(super) fn from_columns(matrix: &[f32], width: usize, first: usize, columns: usize) -> Vec<f32> {
    let rows = matrix.len() / width;
    let mut result = vec![0.0; columns * rows];
    for j0 in (0..columns).step_by(SIDE) {
        for i0 in (0..rows).step_by(SIDE) {
            for j in j0..(j0 + SIDE).min(columns) {
                for i in i0..(i0 + SIDE).min(rows) {
                    result[j * rows + i] = matrix[i * width + first + j];
                }
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn there_and_back(rows in 1usize..80, columns in 1usize..80, first in 0usize..5, more in 0usize..5) {
            let width = first + columns + more;
            let from: Vec<f32> = (0..rows * columns).map(|i| i as f32).collect();
            let mut matrix = vec![-1.0; rows * width];
            into_columns(&from, rows, &mut matrix, width, first);
            for (at, &value) in matrix.iter().enumerate() {
                let (i, column) = (at / width, at % width);
                let inside = (first..first + columns).contains(&column);
                let expected = if inside { ((column - first) * rows + i) as f32 } else { -1.0 };
                prop_assert_eq!(value, expected);
            }
            prop_assert_eq!(from_columns(&matrix, width, first, columns), from);
        }
    }
}
