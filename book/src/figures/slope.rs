//! A derivative is a nudge.

use super::axes::Axes;
use super::draw::{Anchor, Area, Dimension, Drawing};

/// A curve, a nudge of x, and the rise that answers it.
pub fn nudge_and_slope() -> String {
    let mut drawing = Drawing::new(520.0, 330.0);
    let area = Area { at: (50.0, 40.0), size: (400.0, 250.0) };
    let axes = Axes { area, x: (0.0, 3.0), y: (0.0, 9.0) };
    let function = |x: f64| x * x;
    axes.draw(&mut drawing, "x", "f(x) = x · x");
    drawing.curve(&axes.points(0.0, 2.9, function), Dimension::Time);
    let (x, h) = (1.5, 0.7);
    let (here, there) = (axes.point(x, function(x)), axes.point(x + h, function(x + h)));
    let corner = axes.point(x + h, function(x));
    drawing.line(&[here, corner], 2.0);
    drawing.line(&[corner, there], 2.0);
    let slope = 2.0 * x;
    let tangent = |at: f64| function(x) + slope * (at - x);
    drawing.dashes(&axes.points(0.8, 2.9, tangent));
    drawing.dot(here, Dimension::Vocabulary);
    drawing.dot(there, Dimension::Vocabulary);
    drawing.words((here.0 / 2.0 + corner.0 / 2.0, corner.1 + 16.0), Anchor::Middle, "nudge h");
    drawing.words((corner.0 + 10.0, corner.1 / 2.0 + there.1 / 2.0), Anchor::Start, "rise");
    let end = axes.point(2.9, tangent(2.9));
    drawing.words((end.0 + 6.0, end.1), Anchor::Start, "slope");
    drawing.finish()
}
