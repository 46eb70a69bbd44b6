//! The residual stream, with its layers beside it.

use super::draw::{Anchor, Dimension, Drawing, Letters};

/// The layers read from the stream, and add to it.
pub fn residual_stream() -> String {
    let mut drawing = Drawing::new(760.0, 220.0);
    const LEVEL: f64 = 160.0;
    const STRIDE: f64 = 132.0;
    const RADIUS: f64 = 12.0;
    let size = (98.0, 40.0);
    let from = drawing.boxed((6.0, LEVEL - 20.0), size, "embedding").right();
    let to = drawing.boxed((690.0, LEVEL - 20.0), (60.0, 40.0), "logits").left();
    let mut pluses = vec![];
    for layer in 0..4 {
        let start = from.0 + 14.0 + STRIDE * layer as f64;
        let words = ["attention", "feed-forward"][layer % 2];
        let area = drawing.boxed((start, 30.0), (118.0, 48.0), words);
        let bottom = area.bottom().1;
        drawing.arrow((start + 20.0, LEVEL - 2.0), (start + 20.0, bottom));
        let plus = (start + 96.0, LEVEL);
        drawing.arrow((plus.0, bottom), (plus.0, LEVEL - RADIUS + 2.0));
        pluses.push(plus);
    }
    // The stream, with a gap at each plus.
    let mut at = from;
    for plus in &pluses {
        drawing.curve(&[at, (plus.0 - RADIUS, LEVEL)], Dimension::Channel);
        drawing.disc(*plus, RADIUS, "+", Dimension::Channel);
        at = (plus.0 + RADIUS, LEVEL);
    }
    drawing.vector(at, (to.0 - 2.0, LEVEL), Dimension::Channel);
    for (i, name) in ["x₀", "x₁", "x₂", "x₃", "x₄"].into_iter().enumerate() {
        let x = if i == 0 { from.0 + 34.0 } else { pluses[i - 1].0 + 40.0 };
        drawing.write((x, LEVEL + 22.0), Anchor::Middle, Letters::NAME, name);
    }
    drawing.finish()
}
