//! A pair of numbers that is turned: the unit circle, and an arrow turned piece by piece.

use std::f64::consts::{FRAC_PI_2, TAU};

use super::axes::Axes;
use super::draw::{Anchor, Area, Dimension, Drawing, Letters, Point, number};

/// The angle of the picture, in radians.
const ANGLE: f64 = 0.9;

/// The numbers of the pair that is turned.
const PAIR: [f64; 2] = [2.0, 1.0];

/// Points along a circle, from one angle to another.
fn arc(axes: &Axes, radius: f64, from: f64, to: f64) -> Vec<Point> {
    const STEPS: usize = 60;
    let angle = |step: usize| from + (to - from) * step as f64 / STEPS as f64;
    (0..=STEPS)
        .map(|step| axes.point(radius * angle(step).cos(), radius * angle(step).sin()))
        .collect()
}

/// Left: cosine and sine on the unit circle. Right: (2, 1) turned, as a sum of two turned pieces.
pub fn rotary_turn() -> String {
    let mut drawing = Drawing::new(790.0, 370.0);
    let (cos, sin) = (ANGLE.cos(), ANGLE.sin());

    let area = Area { at: (70.0, 62.0), size: (290.0, 290.0) };
    let circle = Axes { area, x: (-1.45, 1.45), y: (-1.45, 1.45) };
    circle.plane(&mut drawing, "", "");
    drawing.stroke(&arc(&circle, 1.0, 0.0, TAU), 1.5, Dimension::Plain);
    let (origin, end) = (circle.point(0.0, 0.0), circle.point(cos, sin));
    let foot = circle.point(cos, 0.0);
    drawing.stroke(&arc(&circle, 0.32, 0.0, ANGLE), 2.0, Dimension::Ink);
    let at = circle.point(0.45 * (ANGLE / 2.0).cos(), 0.45 * (ANGLE / 2.0).sin());
    drawing.write(at, Anchor::Middle, Letters::NAME, "φ");
    drawing.dashed(&[end, foot], Dimension::Vocabulary);
    drawing.stroke(&[origin, foot], 3.0, Dimension::Time);
    drawing.vector(origin, end, Dimension::Accent);
    let quarter = circle.point((ANGLE + FRAC_PI_2).cos(), (ANGLE + FRAC_PI_2).sin());
    drawing.vector(origin, quarter, Dimension::Channel);
    drawing.words(((origin.0 + foot.0) / 2.0, origin.1 + 16.0), Anchor::Middle, "cos φ");
    drawing.words((foot.0 + 8.0, (foot.1 + end.1) / 2.0 + 14.0), Anchor::Start, "sin φ");
    drawing.words((end.0 + 6.0, end.1 - 12.0), Anchor::Start, "(cos φ, sin φ)");
    drawing.words((quarter.0 + 4.0, quarter.1 - 18.0), Anchor::End, "(−sin φ, cos φ)");
    drawing.write((area.top().0, 20.0), Anchor::Middle, Letters::STRONG, "radius 1");

    let area = Area { at: (452.0, 62.0), size: (290.0, 290.0) };
    let axes = Axes { area, x: (-0.9, 2.9), y: (-0.9, 2.9) };
    axes.plane(&mut drawing, "x", "y");
    let origin = axes.point(0.0, 0.0);
    let [x, y] = PAIR;
    drawing.dashed(&[origin, axes.point(x, y)], Dimension::Plain);
    drawing.dot(axes.point(x, y), Dimension::Plain);
    let corner = [x * cos, x * sin];
    let turned = [corner[0] - y * sin, corner[1] + y * cos];
    let [corner, end] = [corner, turned].map(|[x, y]| axes.point(x, y));
    drawing.vector(origin, corner, Dimension::Accent);
    drawing.vector(corner, end, Dimension::Channel);
    drawing.vector(origin, end, Dimension::Ink);
    let start = axes.point(x, y);
    drawing.words((start.0 + 10.0, start.1 + 14.0), Anchor::Middle, "(2, 1)");
    let words = format!("({}, {})", number(turned[0], 2), number(turned[1], 2));
    drawing.words((end.0 + 4.0, end.1 - 14.0), Anchor::Start, &words);
    drawing.words((corner.0 + 8.0, corner.1), Anchor::Start, "2 steps, turned");
    let middle = ((corner.0 + end.0) / 2.0 + 10.0, (corner.1 + end.1) / 2.0 - 10.0);
    drawing.words(middle, Anchor::Start, "1 step, turned");
    let title = format!("(2, 1) turned by {} radians", number(ANGLE, 1));
    drawing.write((area.top().0, 20.0), Anchor::Middle, Letters::STRONG, &title);
    drawing.finish()
}
