//! Layer norm: what is measured, and what is learned.

use super::draw::{Anchor, Area, Dimension, Drawing, Letters};

/// Mean and rstd belong to a row, gamma and beta to a column.
pub fn norm_rows_columns() -> String {
    const CELL: f64 = 42.0;
    const ROW: f64 = 1.0;
    const COLUMN: f64 = 4.0;
    let mut drawing = Drawing::new(596.0, 298.0);
    let matrix = drawing.grid((92.0, 52.0), CELL, 4, 6, Dimension::Plain);
    drawing.sides(matrix, Dimension::Time, Dimension::Channel);
    drawing.words((matrix.top().0, 24.0), Anchor::Middle, "C = 6");
    drawing.words((matrix.at.0 - 16.0, matrix.left().1), Anchor::End, "tokens");
    let Area { at: (x, y), size: (width, height) } = matrix;
    let row = Area { at: (x, y + ROW * CELL), size: (width, CELL) };
    let column = Area { at: (x + COLUMN * CELL, y), size: (CELL, height) };
    let cells = |drawing: &mut Drawing, area: Area, dimension| {
        drawing.bar(area, dimension, 0.3);
        drawing.frame(area, dimension);
    };
    cells(&mut drawing, row, Dimension::Time);
    cells(&mut drawing, column, Dimension::Channel);
    let right = x + width + 14.0;
    let (top, bottom) = (row.at.1, row.bottom().1);
    let bracket = [(right - 6.0, top), (right, top), (right, bottom), (right - 6.0, bottom)];
    drawing.stroke(&bracket, 2.0, Dimension::Time);
    let below = y + height + 14.0;
    let (left, to) = (column.at.0, column.right().0);
    drawing.bracket((left, below), to, -6.0, Dimension::Channel);
    let at = (right + 12.0, row.right().1 - 11.0);
    drawing.write(at, Anchor::Start, Letters::STRONG, "mean, rstd: measured,");
    drawing.words((at.0, at.1 + 22.0), Anchor::Start, "one for each token");
    let at = (column.bottom().0, below + 20.0);
    drawing.write(at, Anchor::Middle, Letters::STRONG, "gamma, beta: learned,");
    drawing.words((at.0, at.1 + 22.0), Anchor::Middle, "one for each column");
    drawing.finish()
}
