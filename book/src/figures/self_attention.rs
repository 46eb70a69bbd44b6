//! A soft dictionary: each value counts by its attention weight.

use stage01_bigram::loss::softmax;

use super::draw::{Anchor, Dimension, Drawing, Letters, number};

const WORDS: [&str; 3] = ["the", "dog", "barked"];
const VALUES: [f64; 3] = [5.0, 10.0, 0.0];

fn keys() -> [f64; 3] {
    [0.0, 3f64.ln(), 0.0]
}

/// The attention weights of a query, and the mixture of the values.
fn look_up(query: f64) -> ([f64; 3], f64) {
    let mut att = [0.0; 3];
    softmax(&keys().map(|key| query * key), &mut att);
    let mixture = att.iter().zip(VALUES).map(|(weight, value)| weight * value).sum();
    (att, mixture)
}

/// A query asks all keys; the values come back, each by its attention weight.
pub fn soft_dictionary() -> String {
    let mut drawing = Drawing::new(580.0, 500.0);
    const QUERY: f64 = 1.0;
    let (att, mixture) = look_up(QUERY);
    let middle = 290.0;
    let words = format!("barked asks:\nquery {}", number(QUERY, 1));
    let query = drawing.tinted((middle - 65.0, 12.0), (130.0, 56.0), &words, Dimension::Accent);
    let mixed = (middle, 446.0);
    for (i, weight) in att.into_iter().enumerate() {
        let x = middle + 195.0 * (i as f64 - 1.0);
        let word = drawing.tinted((x - 65.0, 160.0), (130.0, 136.0), "", Dimension::Time);
        let key = ["0", "ln 3", "0"][i];
        let key = format!("key {key}");
        drawing.tinted((x - 48.0, 170.0), (96.0, 34.0), &key, Dimension::Accent);
        drawing.write(word.middle(), Anchor::Middle, Letters::STRONG, WORDS[i]);
        let value = format!("value {}", number(VALUES[i], 1));
        drawing.tinted((x - 48.0, 252.0), (96.0, 34.0), &value, Dimension::Channel);
        let aside = i as f64 - 1.0;
        let width = 40.0 * weight;
        let from = (query.bottom().0 + 34.0 * aside, query.bottom().1 + 4.0);
        drawing.broad(from, (x - 20.0 * aside, 156.0), width, Dimension::Accent);
        let (from, to) = ((x - 20.0 * aside, 300.0), (mixed.0 + 42.0 * aside, mixed.1 - 36.0));
        let to = if i == 1 { (to.0, to.1 - 8.0) } else { (to.0, to.1 + 12.0) };
        drawing.broad(from, to, width, Dimension::Channel);
        let words = format!("{}/5", number(weight * 5.0, 1));
        let at = if i == 1 {
            (x + 34.0, (from.1 + to.1) / 2.0)
        } else {
            ((from.0 + to.0) / 2.0 + 26.0 * aside, (from.1 + to.1) / 2.0 + 12.0)
        };
        drawing.write(at, Anchor::Middle, Letters::STRONG, &words);
    }
    drawing.disc(mixed, 38.0, &number(mixture, 2), Dimension::Channel);
    drawing.words((mixed.0 + 54.0, mixed.1 + 22.0), Anchor::Start, "the mixture");
    drawing.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_are_fifths_and_the_mixture_is_seven() {
        let (att, mixture) = look_up(1.0);
        for (weight, fifths) in att.into_iter().zip([1.0, 3.0, 1.0]) {
            assert!((weight * 5.0 - fifths).abs() < 1e-12);
        }
        assert!((mixture - 7.0).abs() < 1e-12);
    }
}
