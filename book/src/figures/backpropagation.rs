//! The relay of single numbers: values forward, derivatives back.

use super::draw::{Anchor, Area, Dimension, Drawing, Letters, Point, number};

/// Values forward and derivatives backward, as in `experiments/src/part3/backpropagation.rs`, and what
/// each line passes back.
struct Relay {
    /// e, w, x, f, x1, z, L.
    values: [f64; 7],
    derivatives: [f64; 7],
    /// To z; from the product to x1 and to e; from the plus to f and to x; from f to w and to x;
    /// from x to e.
    handed: [f64; 8],
}

fn relay(e: f64, w: f64) -> Relay {
    let x = e;
    let f = w * x;
    let x1 = x + f;
    let z = x1 * e;
    let dz = 2.0 * (z - 5.0);
    let (dx1, e_of_product) = (dz * e, dz * x1);
    let (df, x_of_plus) = (dx1, dx1);
    let (dw, x_of_f) = (df * x, df * w);
    let dx = x_of_plus + x_of_f;
    let values = [e, w, x, f, x1, z, (z - 5.0) * (z - 5.0)];
    let derivatives = [e_of_product + dx, dw, dx, df, dx1, dz, 1.0];
    Relay { values, derivatives, handed: [dz, dx1, e_of_product, df, x_of_plus, dw, x_of_f, dx] }
}

/// Points of a bow from one place to another, over a third that pulls it.
fn bow(from: Point, pull: Point, to: Point) -> Vec<Point> {
    let at = |t: f64, a: f64, b: f64, c: f64| {
        (1.0 - t) * (1.0 - t) * a + 2.0 * t * (1.0 - t) * b + t * t * c
    };
    let point = |i: i32| {
        let t = f64::from(i) / 40.0;
        (at(t, from.0, pull.0, to.0), at(t, from.1, pull.1, to.1))
    };
    (0..=40).map(point).collect()
}

/// A bow with a head at its end.
fn curved(drawing: &mut Drawing, points: &[Point], dimension: Dimension) {
    let last = points.len() - 1;
    drawing.stroke(&points[..last - 1], 2.5, dimension);
    drawing.vector(points[last - 2], points[last], dimension);
}

/// Where two arrows leave a number, two gradients come back.
pub fn relay_of_single_numbers() -> String {
    let mut drawing = Drawing::new(760.0, 430.0);
    let relay = relay(2.0, 0.5);
    const LEVEL: f64 = 200.0;
    const HALF: f64 = 21.0;
    let (ink, back) = (Dimension::Ink, Dimension::Accent);
    let names = ["e", "w", "x", "f", "x₁", "z", "L"];
    let places = [
        (42.0, LEVEL),
        (278.0, LEVEL + 150.0),
        (160.0, LEVEL),
        (278.0, LEVEL),
        (462.0, LEVEL),
        (628.0, LEVEL),
        (724.0, LEVEL),
    ];
    let mut boxes = vec![];
    for (i, (x, y)) in places.into_iter().enumerate() {
        let words = format!("{} = {}", names[i], number(relay.values[i], 1));
        let wide = if i == 1 { 76.0 } else { 62.0 };
        boxes.push(drawing.boxed((x - wide / 2.0, y - HALF), (wide, 2.0 * HALF), &words));
        let derivative = number(relay.derivatives[i], 1);
        let at = if i == 3 { (x + 20.0, y + HALF + 16.0) } else { (x, y + HALF + 16.0) };
        drawing.write(at, Anchor::Middle, Letters::STRONG, &derivative);
    }
    let plus = drawing.disc((374.0, LEVEL), 15.0, "+", Dimension::Plain);
    let times = drawing.disc((548.0, LEVEL), 15.0, "", Dimension::Plain);
    let large = Letters { size: 28.0, ..Letters::STRONG };
    drawing.write(times.middle(), Anchor::Middle, large, "·");
    let [e, w, x, f, x1, z, l] = std::array::from_fn(|i| boxes[i]);
    let handed = relay.handed.map(|derivative| number(derivative, 1));
    let mut both = |from: Area, to: Area, words: &str| {
        let (a, b) = (from.right().0 + 3.0, to.at.0 - 3.0);
        drawing.vector((a, LEVEL - 7.0), (b, LEVEL - 7.0), ink);
        drawing.vector((b, LEVEL + 7.0), (a, LEVEL + 7.0), back);
        drawing.words(((a + b) / 2.0, LEVEL + 22.0), Anchor::Middle, words);
    };
    both(e, x, &handed[7]);
    both(x, f, &handed[6]);
    both(f, plus, &handed[3]);
    both(plus, x1, "");
    both(x1, times, &handed[1]);
    both(times, z, "");
    both(z, l, &handed[0]);
    // w and f.
    let (x_w, top, bottom) = (w.top().0, f.bottom().1 + 3.0, w.at.1 - 3.0);
    drawing.vector((x_w - 7.0, bottom), (x_w - 7.0, top), ink);
    drawing.vector((x_w + 7.0, top + 26.0), (x_w + 7.0, bottom), back);
    drawing.words((x_w + 22.0, (top + bottom) / 2.0 + 16.0), Anchor::Middle, &handed[5]);
    // The bows: x to the plus, e to the product.
    for (from, to, height, words) in [(x, plus, 80.0, &handed[4]), (e, times, 210.0, &handed[2])] {
        let (a, b) = (from.top().0, to.top().0);
        let (start, end) = (from.at.1 - 3.0, to.at.1 - 3.0);
        let middle = (a + b) / 2.0;
        let outer = bow((a - 8.0, start), (middle, start - height - 28.0), (b + 7.0, end));
        curved(&mut drawing, &outer, ink);
        let inner = bow((b - 7.0, end), (middle, start - height), (a + 8.0, start));
        curved(&mut drawing, &inner, back);
        let at = (middle, start - height / 2.0 + 16.0);
        drawing.words(at, Anchor::Middle, words);
    }
    drawing.write((l.top().0, l.at.1 - 14.0), Anchor::Middle, Letters::SMALL, "(z − 5)²");
    let y = 400.0;
    drawing.vector((390.0, y - 28.0), (430.0, y - 28.0), ink);
    drawing.write((442.0, y - 28.0), Anchor::Start, Letters::SMALL, "values run forward");
    drawing.vector((430.0, y), (390.0, y), back);
    drawing.write((442.0, y), Anchor::Start, Letters::SMALL, "gradients are handed back");
    drawing.write((442.0, y - 56.0), Anchor::Start, Letters::SMALL, "the derivative of a number");
    drawing.write((410.0, y - 56.0), Anchor::Middle, Letters::STRONG, "12");
    drawing.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_chapter() {
        let Relay { values, derivatives, handed } = relay(2.0, 0.5);
        assert_eq!(values, [2.0, 0.5, 2.0, 1.0, 3.0, 6.0, 1.0]);
        assert_eq!(derivatives, [12.0, 8.0, 6.0, 4.0, 4.0, 2.0, 1.0]);
        assert_eq!(handed, [2.0, 4.0, 6.0, 4.0, 4.0, 8.0, 2.0, 6.0]);
    }
}
