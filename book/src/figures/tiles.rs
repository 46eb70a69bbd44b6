//! What a matrix product must fetch: for one number, and for a tile.

use super::draw::{Anchor, Area, Dimension, Drawing, Letters, Point};

/// Both factors and the product have this many rows and columns.
const SIDE: usize = 12;
/// The tile has this many.
const TILE: usize = 4;
/// The row and the column of the product in which what is computed begins.
const PLACE: (usize, usize) = (4, 4);
const CELL: f64 = 12.0;
const GAP: f64 = 30.0;
const TOP: f64 = 50.0;

/// A matrix; which of its rows and columns are marked, and how strongly.
fn table(
    drawing: &mut Drawing,
    (x, y): Point,
    rows: (usize, usize),
    columns: (usize, usize),
    strength: f64,
) -> Area {
    let side = CELL * SIDE as f64;
    let area = Area { at: (x, y), size: (side, side) };
    drawing.bar(area, Dimension::Plain, 0.06);
    for line in 1..SIDE {
        let along = CELL * line as f64;
        drawing.faint(&[(x + along, y), (x + along, y + side)]);
        drawing.faint(&[(x, y + along), (x + side, y + along)]);
    }
    for row in rows.0..rows.1 {
        for column in columns.0..columns.1 {
            let at = (x + CELL * column as f64, y + CELL * row as f64);
            drawing.bar(Area { at, size: (CELL, CELL) }, Dimension::Accent, strength);
        }
    }
    area
}

/// One way to the product: tiles of this size.
fn way(drawing: &mut Drawing, left: f64, tile: usize, title: &str) {
    let side = CELL * SIDE as f64;
    let (rows, columns) = ((PLACE.0, PLACE.0 + tile), (PLACE.1, PLACE.1 + tile));
    let all = (0, SIDE);
    let (x, y) = (left + side + GAP, TOP + side + GAP);
    let a = table(drawing, (left, y), rows, all, 0.45);
    let b = table(drawing, (x, TOP), all, columns, 0.45);
    let c = table(drawing, (x, y), rows, columns, 0.8);
    let below = y + side + 18.0;
    for (at, name) in
        [((a.top().0, below), "a"), ((x - 18.0, b.left().1), "b"), ((c.top().0, below), "c")]
    {
        drawing.write(at, Anchor::Middle, Letters::NAME, name);
    }
    let middle = (left + c.right().0) / 2.0;
    drawing.write((middle, 20.0), Anchor::Middle, Letters::STRONG, title);
    // From the row and from the column to what they make.
    let (half, width) = (CELL * tile as f64 / 2.0, CELL * PLACE.1 as f64);
    let (level, upright) = (y + CELL * PLACE.0 as f64 + half, x + width + half);
    drawing.arrow((a.right().0, level), (x + width, level));
    drawing.arrow((upright, b.bottom().1), (upright, y + CELL * PLACE.0 as f64));

    // The first rows of b as they lie in memory.
    let (thin, shown) = (8.0, 3 * SIDE);
    let strip = y + side + 74.0;
    let words = "b in memory, row after row";
    drawing.write((middle, strip - 16.0), Anchor::Middle, Letters::SMALL, words);
    for number in 0..shown {
        let marked = (columns.0..columns.1).contains(&(number % SIDE));
        let (dimension, strength) =
            if marked { (Dimension::Accent, 0.45) } else { (Dimension::Plain, 0.06) };
        let at = (left + thin * number as f64, strip);
        drawing.bar(Area { at, size: (thin, 16.0) }, dimension, strength);
    }
    let end = (left + thin * shown as f64 + 8.0, strip + 8.0);
    drawing.words(end, Anchor::Start, "…");

    let (fetched, results) = (tile * SIDE, tile * tile);
    let sum = format!("{fetched} + {fetched} = {} numbers fetched", 2 * fetched);
    let each = 2 * fetched / results;
    let each = match results {
        1 => format!("for 1 result: {each} for each"),
        _ => format!("for {results} results: {each} for each"),
    };
    drawing.words((middle, strip + 48.0), Anchor::Middle, &sum);
    drawing.write((middle, strip + 72.0), Anchor::Middle, Letters::STRONG, &each);
}

/// A number of a product needs a row and a column; a tile of it needs a band of each, and uses
/// every number of them several times.
pub fn tiles() -> String {
    let mut drawing = Drawing::new(760.0, 532.0);
    way(&mut drawing, 31.0, 1, "one result at a time");
    drawing.faint(&[(380.0, 10.0), (380.0, 522.0)]);
    way(&mut drawing, 411.0, TILE, &format!("a tile of {TILE} by {TILE} at a time"));
    drawing.finish()
}
