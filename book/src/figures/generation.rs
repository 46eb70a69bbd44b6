//! What a new token needs of the old ones.

use super::draw::{Anchor, Area, Dimension, Drawing, Letters};

/// The last row of attention, and the keys and values that are kept for it.
pub fn kv_cache() -> String {
    const CELL: f64 = 34.0;
    let mut drawing = Drawing::new(760.0, 350.0);
    let (plain, time, channel) = (Dimension::Plain, Dimension::Time, Dimension::Channel);
    let small = Letters::SMALL;
    let triangle = Area { at: (34.0, 104.0), size: (4.0 * CELL, 4.0 * CELL) };
    for row in 0..4 {
        for column in 0..4 {
            let at = (34.0 + CELL * column as f64, 104.0 + CELL * row as f64);
            let (dimension, strength) = match (row, column) {
                _ if column > row => (plain, 0.0),
                (3, _) => (time, 0.6),
                _ => (plain, 0.35),
            };
            drawing.bar(Area { at, size: (CELL, CELL) }, dimension, strength);
        }
        let name = ["1", "2", "3", "4"][row];
        let along = CELL * (row as f64 + 0.5);
        drawing.write((triangle.at.0 - 10.0, triangle.at.1 + along), Anchor::End, small, name);
        drawing.write((triangle.at.0 + along, triangle.at.1 - 12.0), Anchor::Middle, small, name);
    }
    let middle = triangle.top().0;
    drawing.write((middle, 40.0), Anchor::Middle, Letters::STRONG, "attention weights");
    drawing.words((middle, 66.0), Anchor::Middle, "row attends to column");
    drawing.words((middle, triangle.bottom().1 + 20.0), Anchor::Middle, "grey: done");
    drawing.words((middle, triangle.bottom().1 + 42.0), Anchor::Middle, "blue: the new row");

    let rows = [100.0, 138.0, 176.0, 242.0];
    let (height, width) = (28.0, 76.0);
    let zone = |x: f64| {
        let (left, right, top, bottom) = (x - 8.0, x + width + 8.0, 90.0, 214.0);
        [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    };
    let query = Area { at: (206.0, 152.0), size: (78.0, height) };
    let result = Area { at: (692.0, 152.0), size: (58.0, height) };
    let (keys, weights, values) = (348.0, 468.0, 554.0);
    for x in [keys, values] {
        drawing.dashes(&zone(x));
        drawing.words((x + width / 2.0, 78.0), Anchor::Middle, "kept");
        let at = (x + width / 2.0, rows[3] + height + 18.0);
        drawing.words(at, Anchor::Middle, "computed now");
        drawing.write((x + width / 2.0, 228.0), Anchor::Middle, Letters::STRONG, "+");
    }
    for (x, words) in [(keys, "keys"), (values, "values")] {
        drawing.write((x + width / 2.0, 40.0), Anchor::Middle, Letters::STRONG, words);
    }
    drawing.write((weights + 15.0, 40.0), Anchor::Middle, Letters::STRONG, "weights");
    drawing.tinted(query.at, query.size, "query 4", time);
    drawing.tinted(result.at, result.size, "y₄", time);
    for (row, y) in rows.into_iter().enumerate() {
        let (dimension, strength) = if row == 3 { (channel, 0.6) } else { (plain, 0.25) };
        let bar = |drawing: &mut Drawing, x: f64, words: &str| {
            let area = Area { at: (x, y), size: (width, height) };
            let area = drawing.bar(area, dimension, strength);
            drawing.write(area.middle(), Anchor::Middle, Letters::NAME, words);
            area
        };
        let key = bar(&mut drawing, keys, ["k₁", "k₂", "k₃", "k₄"][row]);
        let value = bar(&mut drawing, values, ["v₁", "v₂", "v₃", "v₄"][row]);
        let weight = Area { at: (weights, y), size: (30.0, height) };
        drawing.bar(weight, time, 0.6);
        drawing.arrow(query.right(), key.left());
        drawing.arrow(key.right(), weight.left());
        drawing.arrow(weight.right(), value.left());
        drawing.arrow(value.right(), result.left());
    }
    let places = [(keys, width), (values, width)];
    for (x, width) in places {
        drawing.bracket((x, rows[3] + height + 36.0), x + width, -5.0, channel);
        let at = (x + width / 2.0, rows[3] + height + 52.0);
        drawing.write(at, Anchor::Middle, small, "C numbers");
    }
    drawing.finish()
}
