//! A dart on a line, and what temperature makes of four probabilities.

use stage01_bigram::loss::softmax;

use super::axes::Axes;
use super::draw::{Anchor, Area, Dimension, Drawing, Letters, number};

/// The probabilities of the paper example; token 3 is the likeliest.
const P: [f64; 4] = [0.1, 0.2, 0.3, 0.4];

/// Drawing a token: a point on a line.
pub fn dart_line() -> String {
    let mut drawing = Drawing::new(640.0, 160.0);
    let pieces: Vec<_> = (0..).zip(P).map(|(token, p)| (p, format!("token\n{token}"))).collect();
    drawing.stick(Area { at: (20.0, 66.0), size: (600.0, 50.0) }, &pieces, 0.25);
    drawing.finish()
}

/// The same four logits at five temperatures.
pub fn temperature_bars() -> String {
    let mut drawing = Drawing::new(640.0, 360.0);
    let area = Area { at: (46.0, 40.0), size: (570.0, 226.0) };
    let axes = Axes { area, x: (0.0, 5.0), y: (0.0, 0.8) };
    let origin = area.at.1 + area.size.1;
    drawing.line(&[(area.at.0, origin), (area.right().0, origin)], 1.5);
    drawing.words((area.at.0 - 36.0, 14.0), Anchor::Start, "probability");
    axes.y_marks(&mut drawing, &[0.0, 0.25, 0.5, 0.75].map(|p| (p, number(p, 2))));
    const BAR: f64 = 22.0;
    for (group, temperature) in [0.25, 0.5, 1.0, 2.0, 100.0].into_iter().enumerate() {
        let mut p = [0.0; 4];
        softmax(&P.map(|p| p.ln() / temperature), &mut p);
        let middle = axes.point(group as f64 + 0.5, 0.0).0;
        for (token, p) in p.into_iter().enumerate() {
            let x = middle + (token as f64 - 2.0) * (BAR + 2.0) + 1.0;
            let top = axes.point(0.0, p).1;
            let area = Area { at: (x, top), size: (BAR, origin - top) };
            drawing.bar(area, Dimension::Vocabulary, 0.2 + 0.15 * token as f64);
            let below = (x + BAR / 2.0, origin + 14.0);
            drawing.write(below, Anchor::Middle, Letters::SMALL, &token.to_string());
        }
        let words = number(temperature, 2);
        drawing.write((middle, origin + 42.0), Anchor::Middle, Letters::STRONG, &words);
    }
    drawing.dashes(&[axes.point(0.0, 0.25), axes.point(5.0, 0.25)]);
    drawing.words((area.bottom().0, origin + 70.0), Anchor::Middle, "temperature");
    drawing.finish()
}
