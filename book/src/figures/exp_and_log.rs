//! Rulers on which numbers are multiplied by adding lengths, and the curve that is its own slope.

use super::axes::Axes;
use super::draw::{Anchor, Area, Dimension, Drawing, Letters, number};

/// Two rulers: a number above, its doublings below.
pub fn exp_rulers() -> String {
    let mut drawing = Drawing::new(640.0, 270.0);
    let place = |doublings: i32| 60.0 + 104.0 * f64::from(doublings);
    let (upper, lower) = (52.0, 176.0);
    for top in [upper, lower] {
        drawing.boxed((24.0, top), (592.0, 40.0), "");
    }
    for doublings in 0..=5 {
        let x = place(doublings);
        drawing.line(&[(x, upper + 30.0), (x, upper + 40.0)], 1.5);
        drawing.line(&[(x, lower), (x, lower + 10.0)], 1.5);
        drawing.words((x, upper + 15.0), Anchor::Middle, &2i32.pow(doublings as u32).to_string());
        drawing.words((x, lower + 25.0), Anchor::Middle, &doublings.to_string());
    }
    drawing.write((24.0, upper - 16.0), Anchor::Start, Letters::SMALL, "number");
    drawing.write((24.0, lower + 58.0), Anchor::Start, Letters::SMALL, "doublings");
    let (first, second) = (3, 2);
    let both = first + second;
    let power = |doublings: i32| 2i32.pow(doublings as u32);
    let middle = (upper + 40.0 + lower) / 2.0;
    for (from, to, words) in [
        (0, first, format!("{} is {first} doublings", power(first))),
        (first, both, format!("{} is {second} more", power(second))),
    ] {
        let (from, to) = (place(from) + 5.0, place(to) - 5.0);
        drawing.bracket((from, middle + 14.0), to, 14.0, Dimension::Accent);
        drawing.words(((from + to) / 2.0, middle - 4.0), Anchor::Middle, &words);
    }
    let product = format!("{} · {} = {}", power(first), power(second), power(both));
    drawing.write((place(both), upper - 16.0), Anchor::Middle, Letters::STRONG, &product);
    let sum = format!("{first} + {second} = {both}");
    drawing.write((place(both), lower + 58.0), Anchor::Middle, Letters::STRONG, &sum);
    drawing.finish()
}

/// The curve of exp: the higher, the steeper.
pub fn exp_own_slope() -> String {
    let mut drawing = Drawing::new(560.0, 450.0);
    let area = Area { at: (24.0, 44.0), size: (484.0, 360.0) };
    let axes = Axes { area, x: (-2.0, 2.2), y: (0.0, 9.0) };
    axes.draw(&mut drawing, "x", "exp(x)");
    let marks = [-1.0, 0.0, 1.0, 2.0];
    axes.x_marks(&mut drawing, &marks.map(|x| (x, number(x, 0))));
    drawing.stroke(&axes.points(-2.0, 9f64.ln(), f64::exp), 2.5, Dimension::Ink);
    for x in marks {
        let height = x.exp();
        drawing.stroke(&[axes.point(x, 0.0), axes.point(x, height)], 1.0, Dimension::Plain);
        // The slope of exp is its height.
        let tangent = |at: f64| height + height * (at - x);
        let to = (x + 0.45).min(x + (9.0 - height) / height);
        drawing.stroke(&axes.points(x - 0.45, to, tangent), 3.5, Dimension::Accent);
        drawing.dot(axes.point(x, height), Dimension::Ink);
        let words = format!("height {0}, slope {0}", number(height, 2));
        let (a, b) = axes.point(x, height);
        if x < 0.0 {
            drawing.words((area.at.0 + 12.0, b - 26.0), Anchor::Start, &words);
        } else {
            drawing.words((a - 14.0, b - 14.0 * (1.0 + (1.0 - x).max(0.0))), Anchor::End, &words);
        }
    }
    drawing.finish()
}
