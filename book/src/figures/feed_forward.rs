//! The feed-forward layer: its activation function, and the way of one token through it.

use super::axes::Axes;
use super::draw::{Anchor, Area, Dimension, Drawing, Letters, number};

/// How far the gate is open.
fn gate(x: f64) -> f64 {
    let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x);
    1.0 / (1.0 + (-2.0 * u).exp())
}

fn gelu(x: f64) -> f64 {
    x * gate(x)
}

/// Where GELU is lowest.
fn dip() -> f64 {
    let places = (0..=3000).map(|i| -2.0 + f64::from(i) * 0.001);
    places.min_by(|a, b| gelu(*a).total_cmp(&gelu(*b))).unwrap_or(0.0)
}

/// GELU beside the cut at zero, and its gate.
pub fn gelu_curve() -> String {
    let mut drawing = Drawing::new(560.0, 576.0);
    let area = Area { at: (36.0, 44.0), size: (470.0, 290.0) };
    let axes = Axes { area, x: (-4.0, 4.0), y: (-0.5, 4.0) };
    axes.plane(&mut drawing, "x", "result");
    numbers(&mut drawing, &axes);
    for y in [1.0, 2.0, 3.0, 4.0] {
        let (a, b) = axes.point(0.0, y);
        drawing.write((a - 10.0, b), Anchor::End, Letters::SMALL, &number(y, 0));
    }
    drawing.stroke(&[-4.0, 0.0, 4.0].map(|x: f64| axes.point(x, x.max(0.0))), 2.0, Dimension::Ink);
    drawing.curve(&axes.points(-4.0, 4.0, gelu), Dimension::Accent);
    let lowest = (dip(), gelu(dip()));
    let (x, y) = axes.point(lowest.0, lowest.1);
    drawing.dot((x, y), Dimension::Accent);
    let words = format!("lowest: ({}, {})", number(lowest.0, 2), number(lowest.1, 2));
    drawing.words((x - 106.0, y - 44.0), Anchor::Middle, &words);
    drawing.dashes(&[(x - 40.0, y - 32.0), (x - 7.0, y - 7.0)]);
    let (x, y) = axes.point(1.3, gelu(1.3));
    drawing.write((x + 22.0, y + 14.0), Anchor::Start, Letters::STRONG, "gelu(x)");
    let (x, y) = axes.point(2.4, 2.4);
    drawing.words((x - 12.0, y - 14.0), Anchor::End, "max(x, 0)");

    let area = Area { at: (36.0, 404.0), size: (470.0, 130.0) };
    let axes = Axes { area, x: (-4.0, 4.0), y: (0.0, 1.0) };
    axes.plane(&mut drawing, "x", "the gate");
    numbers(&mut drawing, &axes);
    drawing.curve(&axes.points(-4.0, 4.0, gate), Dimension::Accent);
    for y in [0.5, 1.0] {
        let (a, b) = axes.point(0.0, y);
        drawing.write((a - 10.0, b), Anchor::End, Letters::SMALL, &number(y, 1));
    }
    let half = axes.point(0.0, gate(0.0));
    drawing.dot(half, Dimension::Accent);
    drawing.words((half.0 + 16.0, half.1 + 8.0), Anchor::Start, "half open");
    let mut word = |x: f64, y: f64, words| drawing.words(axes.point(x, y), Anchor::Middle, words);
    word(-3.0, 0.2, "shut");
    word(3.0, 0.8, "open");
    drawing.finish()
}

/// The numbers of the x axis, below the picture.
fn numbers(drawing: &mut Drawing, axes: &Axes) {
    let y = axes.area.bottom().1 + 14.0;
    for x in [-4.0, -2.0, 0.0, 2.0, 4.0] {
        let at = (axes.point(x, 0.0).0, y);
        drawing.write(at, Anchor::Middle, Letters::SMALL, &number(x, 0));
    }
}

/// One token: up to four times the width, through GELU, and back.
pub fn feed_forward_flow() -> String {
    const C: usize = 4;
    const CELL: f64 = 18.0;
    /// The hidden unit that is marked.
    const CHOSEN: usize = 5;
    let mut drawing = Drawing::new(660.0, 400.0);
    let channel = Dimension::Channel;
    let x = drawing.grid((14.0, 99.0), CELL, 1, C, channel);
    let fc = drawing.grid((128.0, 72.0), CELL, C, 4 * C, Dimension::Plain);
    let hidden = drawing.grid((128.0, 186.0), CELL, 1, 4 * C, channel);
    let proj = drawing.grid((460.0, 72.0), CELL, 4 * C, C, Dimension::Plain);
    let y = drawing.grid((574.0, proj.left().1 - CELL / 2.0), CELL, 1, C, channel);
    // The activation function, below each hidden unit.
    for i in 0..4 * C {
        let at = (hidden.at.0 + CELL * i as f64 + 2.0, hidden.bottom().1 + 7.0);
        let axes = Axes { area: Area { at, size: (14.0, 16.0) }, x: (-2.4, 1.8), y: (-0.2, 1.8) };
        drawing.stroke(&axes.points(-2.4, 1.8, gelu), 2.0, Dimension::Accent);
    }
    drawing.arrow(x.right(), fc.left());
    drawing.arrow(fc.bottom(), hidden.top());
    let level = hidden.bottom().1 + 15.0;
    drawing.arrow((hidden.right().0 + 2.0, level), (proj.at.0, level));
    drawing.arrow(proj.right(), y.left());
    let place = CELL * CHOSEN as f64;
    let column = Area { at: (fc.at.0 + place, fc.at.1), size: (CELL, fc.size.1) };
    let number = Area { at: (hidden.at.0 + place, hidden.at.1), size: (CELL, CELL) };
    let row = Area { at: (proj.at.0, proj.at.1 + place), size: (proj.size.0, CELL) };
    for area in [column, number, row] {
        drawing.frame(area, Dimension::Accent);
    }
    let small = Letters::SMALL;
    for (area, name, shape) in [(fc, "c_fc", "(4, 16)"), (proj, "c_proj", "(16, 4)")] {
        let (a, b) = area.top();
        drawing.write((a, b - 38.0), Anchor::Middle, Letters::STRONG, name);
        drawing.write((a, b - 16.0), Anchor::Middle, small, shape);
    }
    for area in [x, y] {
        drawing.write((area.top().0, area.at.1 - 16.0), Anchor::Middle, small, "C = 4");
    }
    let (a, b) = hidden.right();
    drawing.write((a, b - 24.0), Anchor::End, small, "4C = 16");
    drawing.write((hidden.at.0 - 12.0, level), Anchor::End, small, "gelu");
    let (a, b) = number.bottom();
    drawing.dashes(&[(a, b + 30.0), (a, b + 56.0)]);
    for (line, words) in
        ["A hidden unit:", "its column of c_fc asks,", "its row of c_proj answers."]
            .into_iter()
            .enumerate()
    {
        drawing.words((a + 24.0, b + 70.0 + 22.0 * line as f64), Anchor::Middle, words);
    }
    drawing.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dip_is_where_the_chapter_says() {
        assert!((dip() + 0.75).abs() < 0.01 && (gelu(dip()) + 0.17).abs() < 0.001);
    }
}
