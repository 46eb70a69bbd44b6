//! Tokens and places as rows of two embedding matrices.

use super::draw::{Anchor, Area, Dimension, Drawing, Letters, number};

/// The words of the chapter, each with its row.
const TOKENS: [(&str, [f64; 2]); 3] =
    [("bites", [0.0, 2.0]), ("dog", [1.0, 0.0]), ("man", [2.0, 1.0])];
const PLACES: [[f64; 2]; 3] = [[10.0, 0.0], [0.0, 10.0], [10.0, 10.0]];
/// "dog bites man"
const TEXT: [usize; 3] = [1, 0, 2];

/// A token and its place each take a row, and the rows are added.
pub fn embedding_lookup() -> String {
    const CELL: f64 = 44.0;
    let mut drawing = Drawing::new(640.0, 410.0);
    let row = |numbers: [f64; 2]| numbers.map(|n| number(n, 0)).to_vec();
    let tokens = TOKENS.map(|(_, numbers)| row(numbers));
    let sums: [[f64; 2]; 3] = std::array::from_fn(|place| {
        std::array::from_fn(|c| TOKENS[TEXT[place]].1[c] + PLACES[place][c])
    });
    let (left, upper, lower) = (266.0, 62.0, 264.0);
    let wte = drawing.table((left, upper), CELL, &tokens, Dimension::Channel);
    let wpe = drawing.table((left, lower), CELL, &PLACES.map(row), Dimension::Channel);
    let sum = drawing.table((526.0, lower), CELL, &sums.map(row), Dimension::Channel);
    drawing.sides(wte, Dimension::Vocabulary, Dimension::Channel);
    drawing.sides(wpe, Dimension::Time, Dimension::Channel);
    drawing.sides(sum, Dimension::Time, Dimension::Channel);
    let heading = |drawing: &mut Drawing, area: Area, words: &str, small: &str| {
        let (x, y) = area.top();
        drawing.write((x, y - 42.0), Anchor::Middle, Letters::STRONG, words);
        drawing.write((x, y - 21.0), Anchor::Middle, Letters::SMALL, small);
    };
    heading(&mut drawing, wte, "tokens (wte)", "one row for each token");
    heading(&mut drawing, wpe, "places (wpe)", "one row for each place");
    heading(&mut drawing, sum, "X", "token + place");
    let middle = |area: Area, row: usize| area.at.1 + (row as f64 + 0.5) * CELL;
    for (id, (name, _)) in TOKENS.iter().enumerate() {
        let y = middle(wte, id);
        drawing.words((wte.at.0 - 14.0, y), Anchor::End, &id.to_string());
        drawing.words((wte.right().0 + 10.0, y), Anchor::Start, name);
    }
    drawing.write((30.0, lower - 21.0), Anchor::Middle, Letters::SMALL, "place");
    drawing.write((98.0, lower - 21.0), Anchor::Middle, Letters::SMALL, "token");
    for (place, id) in TEXT.into_iter().enumerate() {
        let y = middle(wpe, place);
        drawing.words((30.0, y), Anchor::Middle, &place.to_string());
        let words = format!("{} {id}", TOKENS[id].0);
        let token = drawing.tinted((54.0, y - 18.0), (88.0, 36.0), &words, Dimension::Time);
        let (x, y) = token.right();
        drawing.vector(
            (x + 3.0, y - 6.0),
            (wte.at.0 - 28.0, middle(wte, id)),
            Dimension::Vocabulary,
        );
        drawing.vector((x + 3.0, y + 6.0), (wpe.at.0 - 28.0, y + 6.0), Dimension::Time);
        drawing.words((wpe.at.0 - 14.0, y), Anchor::End, &place.to_string());
    }
    let plus = drawing.disc((448.0, wpe.right().1), 17.0, "+", Dimension::Channel);
    let (x, y) = (wte.right().0 + 58.0, wte.right().1);
    drawing.line(&[(x, y), (plus.top().0, y), (plus.top().0, plus.top().1 - 20.0)], 1.5);
    drawing.line(&[(x, wte.at.1 + 4.0), (x, wte.bottom().1 - 4.0)], 1.5);
    drawing.arrow((plus.top().0, plus.top().1 - 24.0), plus.top());
    drawing.arrow(wpe.right(), plus.left());
    drawing.arrow(plus.right(), (sum.at.0 - 6.0, plus.right().1));
    drawing.finish()
}
