//! One look with two keys: values run forward, slopes run back.

use stage01_bigram::loss::softmax;

use super::draw::{Anchor, Dimension, Drawing, Letters, Point, number};

const RADIUS: f64 = 40.0;
const QUERY: f64 = 1.0;
const VALUES: [f64; 2] = [4.0, 8.0];

fn keys() -> [f64; 2] {
    [0.0, 3f64.ln()]
}

/// What runs forward, and the slopes that run back, if the loss rises with the result one for one.
struct Look {
    shares: [f64; 2],
    mixture: f64,
    /// The slopes of the scores.
    scores_back: [f64; 2],
    keys_back: [f64; 2],
    query_back: f64,
}

fn look() -> Look {
    let mut shares = [0.0; 2];
    softmax(&keys().map(|key| QUERY * key), &mut shares);
    let mixture = shares[0] * VALUES[0] + shares[1] * VALUES[1];
    let scores_back = std::array::from_fn(|i| shares[i] * (VALUES[i] - mixture));
    Look {
        shares,
        mixture,
        scores_back,
        keys_back: scores_back.map(|slope| slope * QUERY),
        query_back: scores_back[0] * keys()[0] + scores_back[1] * keys()[1],
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

/// Where a slope stands beside its node.
enum Place {
    Below,
    Beside,
}
use Place::{Below, Beside};

/// The relay of attention, with the numbers of the chapter.
pub fn gradient_relay() -> String {
    let mut drawing = Drawing::new(660.0, 530.0);
    let look = look();
    let quarters = |value: f64| format!("{}/4", number(value * 4.0, 2));
    let signed = |value: f64| format!("{}{}", if value > 0.0 { "+" } else { "" }, quarters(value));
    let (first, second, third, last) = (56.0, 212.0, 444.0, 604.0);
    let middle = 225.0;
    let (above, below) = (150.0, 300.0);
    let node = |drawing: &mut Drawing, at: Point, words: String, slope: &str, place: Place| {
        drawing.disc(at, RADIUS, &words, Dimension::Plain);
        let width = if slope.chars().count() > 3 { 58.0 } else { 40.0 };
        let corner = match place {
            Below => (at.0 - width / 2.0, at.1 + RADIUS + 3.0),
            Beside => (at.0 - RADIUS - 4.0 - width, at.1 - 11.0),
        };
        drawing.tinted(corner, (width, 22.0), slope, Dimension::Accent);
        at
    };
    let query = (first, middle);
    let query = node(
        &mut drawing,
        query,
        format!("q = {}", number(QUERY, 1)),
        &number(look.query_back, 3),
        Below,
    );
    let y =
        node(&mut drawing, (last, middle), format!("y = {}", number(look.mixture, 2)), "1", Below);
    drawing.tinted((312.0, 110.0), (36.0, 230.0), "", Dimension::Plain);
    drawing.upright((330.0, middle), "softmax");
    let near = (RADIUS + 3.0, RADIUS + 3.0);
    for i in 0..2 {
        let level = [above, below][i];
        let sign = ["₀", "₁"][i];
        let key = ["0", "ln 3"][i];
        let at = (first, [60.0, 390.0][i]);
        let k =
            node(&mut drawing, at, format!("k{sign} = {key}"), &signed(look.keys_back[i]), Below);
        let at = (second, level);
        // The query is 1, so the scores are the keys.
        let s =
            node(&mut drawing, at, format!("s{sign} = {key}"), &signed(look.scores_back[i]), Below);
        let share = format!("p{sign} = {}", quarters(look.shares[i]));
        let p = node(&mut drawing, (third, level), share, &number(VALUES[i], 1), Below);
        let value = format!("v{sign} = {}", number(VALUES[i], 1));
        let at = (third, [44.0, 424.0][i]);
        let v = node(&mut drawing, at, value, &quarters(look.shares[i]), Beside);
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
    drawing.write((342.0, 508.0), Anchor::Start, Letters::SMALL, "slopes run back");
    drawing.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slopes_are_those_of_the_chapter() {
        let look = look();
        assert!((look.mixture - 7.0).abs() < 1e-12);
        for (slope, by_hand) in look.scores_back.into_iter().zip([-0.75, 0.75]) {
            assert!((slope - by_hand).abs() < 1e-12);
        }
        assert!((look.query_back - 0.824).abs() < 1e-3);
    }
}
