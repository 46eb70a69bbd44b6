//! The three products of a linear layer.

use super::draw::{Anchor, Area, Dimension, Drawing, Letters, Point};

/// A side of a matrix: its name, and how long it is drawn.
type Side = (&'static str, f64);
const ROWS: Side = ("rows", 104.0);
const INPUTS: Side = ("inputs", 60.0);
const OUTPUTS: Side = ("outputs", 84.0);

/// A matrix with its middle at a point, its sides named.
fn matrix(drawing: &mut Drawing, (x, y): Point, name: &str, rows: Side, columns: Side) -> Area {
    let size = (columns.1, rows.1);
    let at = (x - size.0 / 2.0, y - size.1 / 2.0);
    let area = drawing.bar(Area { at, size }, Dimension::Plain, 0.15);
    drawing.write(area.middle(), Anchor::Middle, Letters::NAME, name);
    drawing.words((x, at.1 - 15.0), Anchor::Middle, columns.0);
    drawing.upright((at.0 - 15.0, y), rows.0);
    area
}

/// One product forward, two back: each uses up another side.
pub fn linear_three_products() -> String {
    let mut drawing = Drawing::new(520.0, 560.0);
    let products = [
        ("forward", ["X", "W", "Y"], [ROWS, INPUTS, OUTPUTS], 124.0, 0.0),
        ("to the input", ["dY", "Wᵀ", "dX"], [ROWS, OUTPUTS, INPUTS], 314.0, 190.0),
        ("to the weights", ["Xᵀ", "dY", "dW"], [INPUTS, ROWS, OUTPUTS], 496.0, 380.0),
    ];
    for (what, names, [outer, used, inner], y, top) in products {
        drawing.write((12.0, top + 16.0), Anchor::Start, Letters::STRONG, what);
        let words = format!("{} are used up", used.0);
        drawing.words((508.0, top + 16.0), Anchor::End, &words);
        if top > 0.0 {
            drawing.faint(&[(12.0, top - 2.0), (508.0, top - 2.0)]);
        }
        let a = matrix(&mut drawing, (98.0, y), names[0], outer, used);
        let b = matrix(&mut drawing, (270.0, y), names[1], used, inner);
        matrix(&mut drawing, (440.0, y), names[2], outer, inner);
        drawing.write((182.0, y), Anchor::Middle, Letters::STRONG, "·");
        drawing.write((350.0, y), Anchor::Middle, Letters::STRONG, "=");
        let (x, y) = a.at;
        drawing.stroke(&[(x, y), (x + a.size.0, y)], 6.0, Dimension::Accent);
        let (x, y) = b.at;
        drawing.stroke(&[(x, y), (x, y + b.size.1)], 6.0, Dimension::Accent);
    }
    drawing.finish()
}
