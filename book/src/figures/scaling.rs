//! Where the softmax is flat.

use stage01_bigram::loss::softmax;

use super::axes::Axes;
use super::draw::{Anchor, Area, Dimension, Drawing, number};

/// The attention weight of the first of two keys, whose score is ahead by the gap.
fn weight(gap: f64) -> f64 {
    let mut att = [0.0; 2];
    softmax(&[gap, 0.0], &mut att);
    att[0]
}

/// The derivative of the attention weight with respect to the gap.
fn derivative(gap: f64) -> f64 {
    weight(gap) * (1.0 - weight(gap))
}

/// The attention weight of a key over the gap of the scores, and its derivative.
pub fn saturation() -> String {
    let mut drawing = Drawing::new(560.0, 490.0);
    // The usual size of a score, with the division and without it.
    let usual = [64f64.sqrt(), 1.0];
    let panels = [
        (30.0, (0.0, 1.0), "attention weight of the first key"),
        (246.0, (0.0, 0.25), "its derivative"),
    ];
    for (top, y, name) in panels {
        let area = Area { at: (62.0, top), size: (460.0, 140.0) };
        let axes = Axes { area, x: (-10.0, 10.0), y: (0.0, 1.15 * y.1) };
        for (gap, strength) in usual.into_iter().zip([0.1, 0.35]) {
            let from = axes.point(-gap, y.1);
            let to = axes.point(gap, y.0);
            let size = (to.0 - from.0, to.1 - from.1);
            drawing.bar(Area { at: from, size }, Dimension::Accent, strength);
        }
        axes.draw(&mut drawing, "", name);
        let gaps = [-10.0, -8.0, -6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0, 8.0, 10.0];
        axes.x_marks(&mut drawing, &gaps.map(|gap| (gap, number(gap, 0))));
        let marks = [y.0, y.1 / 2.0, y.1];
        axes.y_marks(&mut drawing, &marks.map(|value| (value, number(value, 3))));
        let function = if y.1 == 1.0 { weight } else { derivative };
        let mut curve = axes.points(-10.0, -2.0, function);
        curve.extend(axes.points(-2.0, 2.0, function));
        curve.extend(axes.points(2.0, 10.0, function));
        drawing.curve(&curve, Dimension::Ink);
    }
    drawing.words((292.0, 428.0), Anchor::Middle, "gap of the two scores");
    let legend = [(0.35, 62.0, "divided by √d"), (0.1, 262.0, "as they are, d = 64")];
    for (strength, x, words) in legend {
        let area = Area { at: (x, 456.0), size: (28.0, 18.0) };
        drawing.bar(area, Dimension::Accent, strength);
        drawing.words((x + 38.0, 465.0), Anchor::Start, words);
    }
    drawing.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_derivative_is_what_a_nudge_says() {
        assert_eq!(derivative(0.0), 0.25);
        for gap in [-8.0, -1.0, 0.0, 3.0] {
            let nudged = (weight(gap + 1e-5) - weight(gap - 1e-5)) / 2e-5;
            assert!((nudged - derivative(gap)).abs() < 1e-9);
        }
    }
}
