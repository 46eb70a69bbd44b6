//! The learning-rate schedule: warm-up, cosine decay, level.

use super::axes::Axes;
use super::draw::{Anchor, Area, Dimension, Drawing, number};

const MOST: f64 = 0.01;
const LEAST: f64 = 0.001;
const WARM: f64 = 4.0;
const BOTTOM: f64 = 12.0;

/// The learning rate at a step.
fn rate(step: f64) -> f64 {
    if step < WARM {
        return MOST * (step + 1.0) / (WARM + 1.0);
    }
    let gone = ((step - WARM) / (BOTTOM - WARM)).min(1.0);
    LEAST + (1.0 + (std::f64::consts::PI * gone).cos()) / 2.0 * (MOST - LEAST)
}

/// The schedule of the paper example.
pub fn learning_rate_schedule() -> String {
    let mut drawing = Drawing::new(620.0, 420.0);
    let area = Area { at: (64.0, 44.0), size: (500.0, 280.0) };
    let axes = Axes { area, x: (0.0, 20.0), y: (0.0, 0.011) };
    axes.draw(&mut drawing, "", "learning rate");
    let steps = [0.0, 4.0, 8.0, 12.0, 16.0, 20.0];
    axes.x_marks(&mut drawing, &steps.map(|t| (t, number(t, 0))));
    axes.y_marks(&mut drawing, &[0.0, 0.002, 0.0055, 0.01].map(|r| (r, number(r, 4))));
    for at in [WARM, BOTTOM] {
        drawing.dashes(&[axes.point(at, 0.0), axes.point(at, rate(at))]);
    }
    drawing.stroke(&[axes.point(0.0, rate(0.0)), axes.point(WARM, MOST)], 1.5, Dimension::Plain);
    drawing.curve(&axes.points(WARM, BOTTOM, rate), Dimension::Accent);
    drawing.stroke(&[axes.point(BOTTOM, LEAST), axes.point(20.0, LEAST)], 1.5, Dimension::Plain);
    for step in 0..=20 {
        let step = f64::from(step);
        drawing.dot(axes.point(step, rate(step)), Dimension::Accent);
    }
    for (step, right, up) in
        [(0.0, 14.0, -4.0), (4.0, 14.0, 12.0), (8.0, 14.0, 8.0), (12.0, 4.0, 18.0)]
    {
        let (x, y) = axes.point(step, rate(step));
        drawing.words((x + right, y - up), Anchor::Start, &number(rate(step), 4));
    }
    let level = area.bottom().1 + 38.0;
    for (from, to, words) in
        [(0.0, WARM, "warm-up"), (WARM, BOTTOM, "cosine decay"), (BOTTOM, 20.0, "level")]
    {
        let (a, b) = (axes.point(from, 0.0).0 + 4.0, axes.point(to, 0.0).0 - 4.0);
        drawing.bracket((a, level), b, -6.0, Dimension::Plain);
        drawing.words(((a + b) / 2.0, level + 16.0), Anchor::Middle, words);
    }
    drawing.words((area.bottom().0, level + 40.0), Anchor::Middle, "step");
    drawing.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rates_are_those_of_the_chapter() {
        for (step, by_hand) in [(0.0, 0.002), (4.0, 0.01), (8.0, 0.0055), (12.0, 0.001)] {
            assert!((rate(step) - by_hand).abs() < 1e-12);
        }
    }
}
