//! The gradient as bars, and a walk down a valley.

use stage01_bigram::loss::softmax;

use super::axes::Axes;
use super::draw::{Anchor, Area, Dimension, Drawing, Letters, number};

/// Probabilities, and what becomes of them when one is taken away at the target.
pub fn gradient_bars() -> String {
    let mut drawing = Drawing::new(560.0, 510.0);
    let logits = [0.0, 2f64.ln(), 3f64.ln()];
    let names = ["0", "ln 2", "ln 3"];
    let target = 2;
    let mut p = [0.0; 3];
    softmax(&logits, &mut p);
    let gradient: [f64; 3] = std::array::from_fn(|i| p[i] - if i == target { 1.0 } else { 0.0 });
    let sixths = |value: f64| format!("{}/6", number(value * 6.0, 0));
    const SCALE: f64 = 190.0;
    const WIDTH: f64 = 64.0;
    let (floor, zero, advice) = (190.0, 322.0, 466.0);
    let middle = |i: usize| 228.0 + 128.0 * i as f64;
    for (y, words) in [
        (36.0, "logit"),
        (floor - 46.0, "probability"),
        (zero, "gradient"),
        (advice, "so the logit goes"),
    ] {
        drawing.write((16.0, y), Anchor::Start, Letters::STRONG, words);
    }
    drawing.line(&[(160.0, floor), (544.0, floor)], 1.5);
    drawing.line(&[(160.0, zero), (544.0, zero)], 1.5);
    for i in 0..3 {
        let x = middle(i);
        drawing.words((x, 36.0), Anchor::Middle, names[i]);
        let height = SCALE * p[i];
        let at = (x - WIDTH / 2.0, floor - height);
        drawing.bar(Area { at, size: (WIDTH, height) }, Dimension::Vocabulary, 0.45);
        drawing.words((x, at.1 - 14.0), Anchor::Middle, &sixths(p[i]));
        let derivative = gradient[i];
        let height = SCALE * derivative.abs();
        let top = if derivative > 0.0 { zero - height } else { zero };
        let area = Area { at: (x - WIDTH / 2.0, top), size: (WIDTH, height) };
        drawing.bar(area, Dimension::Accent, 0.45);
        let sign = if derivative > 0.0 { "+" } else { "" };
        let y = if derivative > 0.0 { top - 14.0 } else { area.bottom().1 + 14.0 };
        drawing.words((x, y), Anchor::Middle, &format!("{sign}{}", sixths(derivative)));
        // Against the gradient.
        let (from, to, words) = if derivative > 0.0 {
            (advice - 18.0, advice + 14.0, "down")
        } else {
            (advice + 14.0, advice - 18.0, "up")
        };
        drawing.vector((x - 22.0, from), (x - 22.0, to), Dimension::Ink);
        drawing.words((x - 8.0, advice), Anchor::Start, words);
    }
    let x = middle(target);
    drawing.write((x, 14.0), Anchor::Middle, Letters::SMALL, "the target");
    drawing.finish()
}

/// The loss of the row of a in abracadabra (targets b, c, d, b) over the logit of b. The
/// logits of c and d are 0, and a and r cannot come.
fn loss(logit: f64) -> f64 {
    (logit.exp() + 2.0).ln() - logit / 2.0
}

/// Its derivative: the probability of b, less how often b came.
fn derivative(logit: f64) -> f64 {
    let mut p = [0.0; 3];
    softmax(&[logit, 0.0, 0.0], &mut p);
    p[0] - 0.5
}

/// A walk downhill whose strides become shorter.
pub fn walk_down() -> String {
    const RATE: f64 = 2.0;
    const STEPS: usize = 8;
    let mut drawing = Drawing::new(580.0, 420.0);
    let area = Area { at: (44.0, 44.0), size: (470.0, 310.0) };
    let axes = Axes { area, x: (-3.6, 3.2), y: (0.8, 2.6) };
    axes.draw(&mut drawing, "", "loss");
    axes.x_marks(&mut drawing, &[-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0].map(|z| (z, number(z, 0))));
    axes.y_marks(&mut drawing, &[1.0, 1.5, 2.0, 2.5].map(|l| (l, number(l, 1))));
    let below = (area.bottom().0, area.bottom().1 + 44.0);
    drawing.words(below, Anchor::Middle, "logit of b");
    drawing.stroke(&axes.points(-3.6, 3.1, loss), 2.0, Dimension::Plain);
    let mut logits = vec![-3.0];
    for step in 0..STEPS {
        logits.push(logits[step] - RATE * derivative(logits[step]));
    }
    let place = |logit: f64| axes.point(logit, loss(logit));
    for (number, pair) in logits.windows(2).enumerate() {
        // The stride, seen from above: a piece of the axis.
        let (from, to) = (place(pair[0]), place(pair[1]));
        let level = area.bottom().1 - 14.0;
        let strength = if number % 2 == 0 { 0.8 } else { 0.35 };
        let size = (to.0 - from.0, 9.0);
        drawing.bar(Area { at: (from.0, level - 4.0), size }, Dimension::Accent, strength);
        drawing.faint(&[from, (from.0, level)]);
        if to.0 - from.0 > 24.0 {
            drawing.arrow((from.0 + 4.0, from.1 - 8.0), (to.0 + 1.0, to.1 - 9.0));
        }
    }
    logits.iter().for_each(|logit| drawing.dot(place(*logit), Dimension::Accent));
    let least = 2f64.ln();
    let (x, y) = place(least);
    drawing.dashes(&[(x - 60.0, y), (x + 60.0, y)]);
    drawing.words((x + 4.0, y - 66.0), Anchor::Middle, "derivative 0: p(b) = 1/2");
    drawing.faint(&[(x, y - 54.0), (x, y - 8.0)]);
    let after = (x + 14.0, area.bottom().1 - 14.0);
    drawing.write(after, Anchor::Start, Letters::SMALL, "the strides");
    drawing.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_derivative_is_what_a_nudge_says() {
        for logit in [-3.0, 0.0, 2f64.ln(), 2.0] {
            let nudged = (loss(logit + 1e-5) - loss(logit - 1e-5)) / 2e-5;
            assert!((nudged - derivative(logit)).abs() < 1e-8);
        }
        assert!(derivative(2f64.ln()).abs() < 1e-12);
    }
}
