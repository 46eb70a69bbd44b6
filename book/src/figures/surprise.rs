//! The surprise as a curve over the probability.

use stage01_bigram::loss::bits;

use super::axes::Axes;
use super::draw::{Anchor, Area, Dimension, Drawing, Letters, number};

/// Minus the natural logarithm, in nats at the left and in bits at the right.
pub fn minus_log() -> String {
    let mut drawing = Drawing::new(580.0, 450.0);
    let area = Area { at: (44.0, 44.0), size: (480.0, 350.0) };
    let axes = Axes { area, x: (0.0, 1.0), y: (0.0, 5.2) };
    let surprise = |p: f64| -p.ln();
    axes.draw(&mut drawing, "", "nats");
    axes.y_marks(&mut drawing, &[0.0, 1.0, 2.0, 3.0, 4.0].map(|y| (y, number(y, 0))));
    let marks = [(0.0, "0"), (0.25, "1/4"), (0.5, "1/2"), (1.0, "1")];
    axes.x_marks(&mut drawing, &marks.map(|(p, words)| (p, words.to_string())));
    // The same lengths, counted in bits.
    let right = area.right().0;
    drawing.line(&[(right, area.at.1 - 4.0), (right, area.bottom().1)], 1.5);
    for count in 0..=7 {
        let y = axes.point(0.0, f64::from(count) * 2f64.ln()).1;
        drawing.line(&[(right, y), (right + 6.0, y)], 1.2);
        let at = (right + 12.0, y);
        drawing.write(at, Anchor::Start, Letters::SMALL, &count.to_string());
    }
    drawing.words((right - 8.0, area.at.1 - 8.0), Anchor::End, "bits");
    let below = (area.bottom().0, area.bottom().1 + 42.0);
    drawing.words(below, Anchor::Middle, "probability of what came, p");
    let mut points: Vec<_> = axes.points(0.0092, 0.1, surprise);
    points.extend(axes.points(0.1, 1.0, surprise));
    drawing.stroke(&points, 3.0, Dimension::Ink);
    for (p, counted) in [(0.01, false), (0.25, true), (0.5, true), (1.0, false)] {
        let (x, y) = axes.point(p, surprise(p));
        drawing.dot((x, y), Dimension::Accent);
        let nats = number(surprise(p), 2);
        let words = match bits(surprise(p)) {
            b if counted => {
                format!("{nats} nats = {} {}", number(b, 2), if b < 1.5 { "bit" } else { "bits" })
            }
            _ if p == 1.0 => nats,
            _ => format!("p = 1/{}: {nats} nats", number(1.0 / p, 0)),
        };
        if p == 1.0 {
            drawing.words((x - 6.0, y - 20.0), Anchor::End, &words);
        } else {
            drawing.words((x + 16.0, y - 10.0), Anchor::Start, &words);
        }
    }
    drawing.finish()
}
