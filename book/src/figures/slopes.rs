//! Slopes: a nudge, the strips of a square, the relay, a walk downhill.

use super::axes::Axes;
use super::draw::{Anchor, Area, Dimension, Drawing, Letters, Point, number};

/// A step of 1 on the curve of x times x, and the straight line that touches it.
pub fn slopes_nudge() -> String {
    let mut drawing = Drawing::new(560.0, 430.0);
    let area = Area { at: (48.0, 44.0), size: (450.0, 340.0) };
    let axes = Axes { area, x: (2.0, 4.3), y: (3.0, 18.0) };
    let square = |x: f64| x * x;
    let (x, h) = (3.0, 1.0);
    axes.draw(&mut drawing, "x", "x · x");
    axes.x_marks(&mut drawing, &[x, x + h].map(|x| (x, number(x, 1))));
    axes.y_marks(&mut drawing, &[x, x + h].map(|x| (square(x), number(square(x), 1))));
    drawing.stroke(&axes.points(2.0, 18f64.sqrt(), square), 3.0, Dimension::Ink);
    let (here, there) = (axes.point(x, square(x)), axes.point(x + h, square(x + h)));
    let corner = axes.point(x + h, square(x));
    drawing.stroke(&[here, corner, there], 3.0, Dimension::Accent);
    drawing.line(&[here, there], 1.0);
    let slope = 2.0 * x;
    let tangent = |at: f64| square(x) + slope * (at - x);
    drawing.dashed(&axes.points(2.3, 3.9, tangent), Dimension::Accent);
    drawing.dot(here, Dimension::Ink);
    drawing.dot(there, Dimension::Ink);
    let rise = square(x + h) - square(x);
    let middle = ((here.0 + corner.0) / 2.0, here.1 + 18.0);
    drawing.words(middle, Anchor::Middle, &format!("h = {}", number(h, 1)));
    let middle = (corner.0 + 12.0, (corner.1 + there.1) / 2.0);
    drawing.words(middle, Anchor::Start, &number(rise, 1));
    let (a, b) = axes.point(2.45, tangent(2.45));
    drawing.words((a + 10.0, b + 10.0), Anchor::Start, &format!("slope {}", number(slope, 1)));
    let (a, b) = axes.point(3.5, 13.1);
    drawing.words((a - 12.0, b), Anchor::End, &format!("slope {}", number(rise / h, 1)));

    // The same place, seen from close by.
    const TIMES: f64 = 8.0;
    const RADIUS: f64 = 64.0;
    let centre = (142.0, 150.0);
    let larger = |y: &dyn Fn(f64) -> f64| -> Vec<Point> {
        axes.points(x - 0.2, x + 0.2, y)
            .into_iter()
            .map(|(a, b)| ((a - here.0) * TIMES, (b - here.1) * TIMES))
            .filter(|(a, b)| a.hypot(*b) < RADIUS)
            .map(|(a, b)| (centre.0 + a, centre.1 + b))
            .collect()
    };
    drawing.disc(centre, RADIUS, "", Dimension::Plain);
    drawing.disc(here, RADIUS / TIMES + 1.0, "", Dimension::Plain);
    drawing.stroke(&larger(&square), 4.0, Dimension::Ink);
    drawing.dashed(&larger(&tangent), Dimension::Accent);
    let (dx, dy) = (here.0 - centre.0, here.1 - centre.1);
    let length = dx.hypot(dy);
    let on_the_way = |far: f64| (centre.0 + dx * far / length, centre.1 + dy * far / length);
    drawing.faint(&[on_the_way(RADIUS), on_the_way(length - 10.0)]);
    let below = (centre.0, centre.1 + RADIUS + 16.0);
    let words = format!("{} times larger", number(TIMES, 0));
    drawing.write(below, Anchor::Middle, Letters::SMALL, &words);
    drawing.finish()
}

/// What a nudge adds to a square: two strips and a corner.
pub fn slopes_square() -> String {
    let mut drawing = Drawing::new(380.0, 380.0);
    const SIDE: f64 = 240.0;
    const STRIP: f64 = 52.0;
    let (left, top) = (52.0, 20.0 + STRIP);
    let right = left + SIDE;
    let part = |drawing: &mut Drawing, at, size, strength, dimension, words: &str| {
        let area = drawing.bar(Area { at, size }, dimension, strength);
        drawing.write(area.middle(), Anchor::Middle, Letters::NAME, words);
    };
    let accent = Dimension::Accent;
    part(&mut drawing, (left, top), (SIDE, SIDE), 0.12, Dimension::Plain, "x²");
    part(&mut drawing, (right, top), (STRIP, SIDE), 0.45, accent, "x · h");
    part(&mut drawing, (left, top - STRIP), (SIDE, STRIP), 0.45, accent, "x · h");
    part(&mut drawing, (right, top - STRIP), (STRIP, STRIP), 0.12, accent, "h · h");
    let mut name = |at, words| drawing.write(at, Anchor::Middle, Letters::NAME, words);
    name((left - 24.0, top + SIDE / 2.0), "x");
    name((left - 24.0, top - STRIP / 2.0), "h");
    name((left + SIDE / 2.0, top + SIDE + 22.0), "x");
    name((right + STRIP / 2.0, top + SIDE + 22.0), "h");
    drawing.finish()
}

/// The smallest model: inputs, target, and the weights at the beginning.
const X: [f64; 2] = [2.0, 1.0];
const TARGET: f64 = 5.0;
const START: [f64; 2] = [1.0, 0.0];

fn prediction(w: [f64; 2]) -> f64 {
    X[0] * w[0] + X[1] * w[1]
}

fn loss(y: f64) -> f64 {
    (y - TARGET) * (y - TARGET)
}

/// The slope of the loss as y moves.
fn slope(y: f64) -> f64 {
    2.0 * (y - TARGET)
}

/// The results y of a walk, the first before any step.
fn walk(learning_rate: f64, steps: usize) -> Vec<f64> {
    let mut w = START;
    let mut results = vec![prediction(w)];
    for _ in 0..steps {
        let back = slope(prediction(w));
        for i in 0..2 {
            w[i] -= learning_rate * back * X[i];
        }
        results.push(prediction(w));
    }
    results
}

/// Values run forward, slopes run back.
pub fn slopes_relay() -> String {
    let mut drawing = Drawing::new(640.0, 350.0);
    const RADIUS: f64 = 42.0;
    let y = prediction(START);
    let back = slope(y);
    let weights = [(76.0, 66.0), (76.0, 232.0)];
    let (at_y, at_loss) = ((330.0, 149.0), (566.0, 149.0));
    drawing.disc(at_y, RADIUS, &format!("y = {}", number(y, 1)), Dimension::Plain);
    drawing.disc(at_loss, RADIUS, &format!("L = {}", number(loss(y), 1)), Dimension::Plain);
    for (i, at) in weights.into_iter().enumerate() {
        let name = ["w₁", "w₂"][i];
        drawing.disc(at, RADIUS, &format!("{name} = {}", number(START[i], 1)), Dimension::Plain);
        both_ways(&mut drawing, at, at_y, RADIUS, &format!("· {}", number(X[i], 1)));
        let product =
            format!("{} · {} = {}", number(back, 1), number(X[i], 1), number(back * X[i], 1));
        drawing.write((at.0, at.1 + RADIUS + 18.0), Anchor::Middle, Letters::STRONG, &product);
    }
    both_ways(&mut drawing, at_y, at_loss, RADIUS, &format!("· ({})", number(back, 1)));
    let mut below = |at: Point, words: &str| {
        drawing.write((at.0, at.1 + RADIUS + 18.0), Anchor::Middle, Letters::STRONG, words);
    };
    below(at_y, &number(back, 1));
    below(at_loss, "1");
    drawing.vector((352.0, 296.0), (392.0, 296.0), Dimension::Ink);
    drawing.write((404.0, 296.0), Anchor::Start, Letters::SMALL, "values run forward");
    drawing.vector((392.0, 324.0), (352.0, 324.0), Dimension::Accent);
    drawing.write((404.0, 324.0), Anchor::Start, Letters::SMALL, "slopes run back");
    drawing.finish()
}

/// An arrow from one circle to another with a word above, and one back.
fn both_ways(drawing: &mut Drawing, from: Point, to: Point, radius: f64, words: &str) {
    let length = (to.0 - from.0).hypot(to.1 - from.1);
    let (dx, dy) = ((to.0 - from.0) / length, (to.1 - from.1) / length);
    // Both run beside the line that joins the middles, the way back on its right hand.
    let place =
        |far: f64, aside: f64| (from.0 + far * dx - aside * dy, from.1 + far * dy + aside * dx);
    let (near, far) = (radius + 5.0, length - radius - 5.0);
    drawing.vector(place(near, -9.0), place(far, -9.0), Dimension::Ink);
    drawing.vector(place(far, 9.0), place(near, 9.0), Dimension::Accent);
    drawing.words(place(length / 2.0, -26.0), Anchor::Middle, words);
}

/// The same valley, walked with short steps and with steps that are too long.
pub fn slopes_downhill() -> String {
    let mut drawing = Drawing::new(580.0, 410.0);
    let area = Area { at: (48.0, 40.0), size: (480.0, 320.0) };
    let axes = Axes { area, x: (-4.0, 14.0), y: (0.0, 80.0) };
    axes.draw(&mut drawing, "y", "loss");
    axes.x_marks(&mut drawing, &[-4.0, 2.0, 5.0, 14.0].map(|y| (y, number(y, 1))));
    axes.y_marks(&mut drawing, &[0.0, 20.0, 40.0, 60.0, 80.0].map(|l| (l, number(l, 1))));
    let reach = 80f64.sqrt();
    drawing.stroke(&axes.points(TARGET - reach, TARGET + reach, loss), 2.0, Dimension::Plain);
    let place = |y: &f64| axes.point(*y, loss(*y));

    let long: Vec<f64> = walk(0.25, 3);
    let points: Vec<Point> = long.iter().map(place).collect();
    drawing.stroke(&points[..3], 2.5, Dimension::Accent);
    // The next place is off the sheet: show the way to it.
    let ((a, b), (c, d)) = (points[2], points[3]);
    let share = (b - area.at.1 + 6.0) / (b - d);
    drawing.vector((a, b), (a + share * (c - a), b + share * (d - b)), Dimension::Accent);
    points[1..3].iter().for_each(|point| drawing.dot(*point, Dimension::Accent));
    let (a, b) = points[1];
    drawing.words((a + 16.0, b + 6.0), Anchor::Start, "rate 0.25");

    let short: Vec<Point> = walk(0.05, 3).iter().map(place).collect();
    drawing.stroke(&short, 2.5, Dimension::Ink);
    short.iter().for_each(|point| drawing.dot(*point, Dimension::Ink));
    let (a, b) = short[0];
    drawing.words((a - 20.0, b - 6.0), Anchor::End, "start");
    drawing.words((a - 6.0, b + 15.0), Anchor::End, "rate 0.05");
    drawing.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walks_are_those_of_the_chapter() {
        for (rate, by_hand) in [(0.05, [2.0, 3.5, 4.25, 4.625]), (0.25, [2.0, 9.5, -1.75, 15.125])]
        {
            for (y, by_hand) in walk(rate, 3).into_iter().zip(by_hand) {
                assert!((y - by_hand).abs() < 1e-12);
            }
        }
        assert_eq!((loss(2.0), slope(2.0)), (9.0, -6.0));
    }
}
