//! Three walks in a ravine, seen from above.

use super::axes::Axes;
use super::draw::{Anchor, Area, Dimension, Drawing, Letters, Point, number};

const STEPS: usize = 100;

/// The places of a walk from (1, 1) with a rule for one weight, whose memory is two numbers. The
/// loss is (w1² + 100 w2²) / 2.
fn walk(rule: impl Fn(&mut f64, &mut [f64; 2], i32, f64)) -> Vec<[f64; 2]> {
    let (mut w, mut memory) = ([1.0, 1.0], [[0.0; 2]; 2]);
    let mut places = vec![w];
    for step in 1..=STEPS {
        let gradient = [w[0], 100.0 * w[1]];
        for i in 0..2 {
            rule(&mut w[i], &mut memory[i], step as i32, gradient[i]);
        }
        places.push(w);
    }
    places
}

/// Gradient descent, momentum, Adam.
fn walks() -> [Vec<[f64; 2]>; 3] {
    let descent = walk(|w, _, _, g| *w -= 0.018 * g);
    let momentum = walk(|w, m, _, g| {
        m[0] = 0.9 * m[0] + 0.1 * g;
        *w -= 0.1 * m[0];
    });
    let adam = walk(|w, [m, v], t, g| {
        *m = 0.9 * *m + 0.1 * g;
        *v = 0.99 * *v + 0.01 * g * g;
        let (m, v) = (*m / (1.0 - 0.9f64.powi(t)), *v / (1.0 - 0.99f64.powi(t)));
        *w -= 0.1 * m / (v.sqrt() + 1e-8);
    });
    [descent, momentum, adam]
}

/// Gradient descent jumps and crawls, momentum swings, Adam takes the diagonal.
pub fn adamw_ravine() -> String {
    let mut drawing = Drawing::new(620.0, 560.0);
    let area = Area { at: (60.0, 24.0), size: (480.0, 470.0) };
    let axes = Axes { area, x: (-0.4, 1.1), y: (-1.1, 1.1) };
    for level in [0.05f64, 0.5, 5.0, 20.0, 50.0] {
        let half = (2.0 * level).sqrt();
        let (from, to) = ((-half).max(axes.x.0), half.min(axes.x.1));
        let side = |w1: f64| (2.0 * level - w1 * w1).max(0.0).sqrt() / 10.0;
        for sign in [1.0, -1.0] {
            let points = axes.points(from, to, |w1| sign * side(w1));
            drawing.stroke(&points, 1.0, Dimension::Plain);
        }
        if half > to {
            let (x, y) = axes.point(to, side(to));
            let words = format!("L = {}", number(level, 0));
            drawing.write((x + 8.0, y), Anchor::Start, Letters::SMALL, &words);
        }
    }
    axes.draw(&mut drawing, "", "w₂");
    axes.x_marks(&mut drawing, &[0.0, 0.5, 1.0].map(|w| (w, number(w, 1))));
    axes.y_marks(&mut drawing, &[-1.0, -0.5, 0.0, 0.5, 1.0].map(|w| (w, number(w, 1))));
    let (x, y) = area.bottom();
    drawing.words((x, y + 44.0), Anchor::Middle, "w₁");
    let colours = [Dimension::Plain, Dimension::Time, Dimension::Vocabulary];
    for (places, colour) in walks().into_iter().zip(colours) {
        let points: Vec<Point> = places.iter().map(|[a, b]| axes.point(*a, *b)).collect();
        drawing.stroke(&points, 2.0, colour);
        for (x, y) in points {
            let at = (x - 2.5, y - 2.5);
            drawing.bar(Area { at, size: (5.0, 5.0) }, colour, 1.0);
        }
    }
    let (x, y) = axes.point(0.0, 0.0);
    drawing.line(&[(x - 9.0, y - 9.0), (x + 9.0, y + 9.0)], 3.0);
    drawing.line(&[(x - 9.0, y + 9.0), (x + 9.0, y - 9.0)], 3.0);
    drawing.dashes(&[(x + 2.0, y + 14.0), (x + 2.0, y + 90.0)]);
    drawing.write((x + 2.0, y + 102.0), Anchor::Middle, Letters::STRONG, "floor");
    for (line, name) in ["gradient descent", "momentum", "Adam"].into_iter().enumerate() {
        let (a, b) = axes.point(-0.34, -0.72 - 0.1 * line as f64);
        drawing.stroke(&[(a, b), (a + 34.0, b)], 4.0, colours[line]);
        drawing.words((a + 44.0, b), Anchor::Start, name);
    }
    let start = axes.point(1.0, 1.0);
    drawing.dot(start, Dimension::Ink);
    drawing.write((start.0 - 4.0, start.1 - 16.0), Anchor::Middle, Letters::STRONG, "start");
    drawing.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walks_are_those_of_the_chapter() {
        let [descent, _, adam] = walks();
        assert!((descent[1][1] + 0.8).abs() < 1e-12);
        assert!(adam.iter().all(|[a, b]| (a - b).abs() < 1e-6));
    }
}
