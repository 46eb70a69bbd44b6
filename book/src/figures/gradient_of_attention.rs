//! Attention with two keys: values run forward, gradients run back.

use stage01_bigram::loss::softmax;

use super::draw::{Anchor, Dimension, Drawing, Letters, Point, number};

const RADIUS: f64 = 40.0;
const QUERY: f64 = 1.0;
const VALUES: [f64; 2] = [4.0, 8.0];

fn keys() -> [f64; 2] {
    [0.0, 3f64.ln()]
}

/// The values of the forward pass, and the gradients of the backward pass for dL/dy = 1.
struct Relay {
    att: [f64; 2],
    mixture: f64,
    dscores: [f64; 2],
    dkeys: [f64; 2],
    dquery: f64,
}

fn relay() -> Relay {
    let mut att = [0.0; 2];
    softmax(&keys().map(|key| QUERY * key), &mut att);
    let mixture = att[0] * VALUES[0] + att[1] * VALUES[1];
    let dscores = std::array::from_fn(|i| att[i] * (VALUES[i] - mixture));
    Relay {
        att,
        mixture,
        dscores,
        dkeys: dscores.map(|d| d * QUERY),
        dquery: dscores[0] * keys()[0] + dscores[1] * keys()[1],
    }
}

/// An arrow from one place to another, and one back beside it.
fn both_ways(drawing: &mut Drawing, from: Point, to: Point, gaps: (f64, f64)) {
    let length = (to.0 - from.0).hypot(to.1 - from.1);
    let (dx, dy) = ((to.0 - from.0) / length, (to.1 - from.1) / length);
    let place =
        |far: f64, aside: f64| (from.0 + far * dx - aside * dy, from.1 + far * dy + aside * dx);
    let (near, far) = (gaps.0, length - gaps.1);
    drawing.vector(place(near, -7.0), place(far, -7.0), Dimension::Ink);
    drawing.vector(place(far, 7.0), place(near, 7.0), Dimension::Accent);
}

/// Where a gradient stands beside its node.
enum Place {
    Below,
    Beside,
}
use Place::{Below, Beside};

/// The relay of attention, with the numbers of the chapter.
pub fn gradient_relay() -> String {
    let mut drawing = Drawing::new(660.0, 530.0);
    let relay = relay();
    let quarters = |value: f64| format!("{}/4", number(value * 4.0, 2));
    let signed = |value: f64| format!("{}{}", if value > 0.0 { "+" } else { "" }, quarters(value));
    let (first, second, third, last) = (56.0, 212.0, 444.0, 604.0);
    let middle = 225.0;
    let (above, below) = (150.0, 300.0);
    let node = |drawing: &mut Drawing, at: Point, words: String, gradient: &str, place: Place| {
        drawing.disc(at, RADIUS, &words, Dimension::Plain);
        let width = if gradient.chars().count() > 3 { 58.0 } else { 40.0 };
        let corner = match place {
            Below => (at.0 - width / 2.0, at.1 + RADIUS + 3.0),
            Beside => (at.0 - RADIUS - 4.0 - width, at.1 - 11.0),
        };
        drawing.tinted(corner, (width, 22.0), gradient, Dimension::Accent);
        at
    };
    let query = (first, middle);
    let query = node(
        &mut drawing,
        query,
        format!("q = {}", number(QUERY, 1)),
        &number(relay.dquery, 3),
        Below,
    );
    let y =
        node(&mut drawing, (last, middle), format!("y = {}", number(relay.mixture, 2)), "1", Below);
    drawing.tinted((312.0, 110.0), (36.0, 230.0), "", Dimension::Plain);
    drawing.upright((330.0, middle), "softmax");
    let near = (RADIUS + 3.0, RADIUS + 3.0);
    for i in 0..2 {
        let level = [above, below][i];
        let sign = ["₀", "₁"][i];
        let key = ["0", "ln 3"][i];
        let at = (first, [60.0, 390.0][i]);
        let k = node(&mut drawing, at, format!("k{sign} = {key}"), &signed(relay.dkeys[i]), Below);
        let at = (second, level);
        // The query is 1, so the scores are the keys.
        let s =
            node(&mut drawing, at, format!("s{sign} = {key}"), &signed(relay.dscores[i]), Below);
        let weight = format!("p{sign} = {}", quarters(relay.att[i]));
        let p = node(&mut drawing, (third, level), weight, &number(VALUES[i], 1), Below);
        let value = format!("v{sign} = {}", number(VALUES[i], 1));
        let at = (third, [44.0, 424.0][i]);
        let v = node(&mut drawing, at, value, &quarters(relay.att[i]), Beside);
        both_ways(&mut drawing, k, s, near);
        both_ways(&mut drawing, query, s, near);
        both_ways(&mut drawing, s, (312.0, level), (RADIUS + 3.0, 3.0));
        both_ways(&mut drawing, (348.0, level), p, (3.0, RADIUS + 3.0));
        both_ways(&mut drawing, p, y, near);
        both_ways(&mut drawing, v, y, near);
    }
    drawing.vector((40.0, 508.0), (80.0, 508.0), Dimension::Ink);
    drawing.write((92.0, 508.0), Anchor::Start, Letters::SMALL, "values run forward");
    drawing.vector((330.0, 508.0), (290.0, 508.0), Dimension::Accent);
    drawing.write((342.0, 508.0), Anchor::Start, Letters::SMALL, "gradients run back");
    drawing.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradients_are_those_of_the_chapter() {
        let relay = relay();
        assert!((relay.mixture - 7.0).abs() < 1e-12);
        for (gradient, by_hand) in relay.dscores.into_iter().zip([-0.75, 0.75]) {
            assert!((gradient - by_hand).abs() < 1e-12);
        }
        assert!((relay.dquery - 0.824).abs() < 1e-3);
    }
}
