//! The way from a text to the next token.

use super::draw::{Anchor, Dimension, Drawing};

/// A GPT, from the text at the left to the next token at the right.
pub fn map_of_a_gpt() -> String {
    let mut drawing = Drawing::new(720.0, 300.0);
    let middle = 120.0;
    let text = drawing.boxed((10.0, middle - 22.0), (84.0, 44.0), "\"In the\"");
    let rows = [vec!["In"], vec!["the"]];
    let tokens = drawing.table((134.0, middle - 40.0), 40.0, &rows, Dimension::Time);
    let vectors = drawing.grid((216.0, middle - 40.0), 40.0, 2, 3, Dimension::Channel);
    let words = "blocks:\nlook back,\nthink";
    let size = (110.0, 120.0);
    let blocks = drawing.tinted((376.0, middle - 60.0), size, words, Dimension::Channel);
    let scores = drawing.grid((530.0, middle - 12.0), 24.0, 1, 7, Dimension::Vocabulary);
    let next = drawing.boxed((564.0, middle + 60.0), (100.0, 44.0), "\"beginning\"");
    drawing.arrow(text.right(), tokens.left());
    drawing.arrow(tokens.right(), vectors.left());
    drawing.arrow(vectors.right(), blocks.left());
    drawing.arrow(blocks.right(), scores.left());
    drawing.arrow(scores.bottom(), next.top());
    for (area, words) in [
        (text, "text"),
        (tokens, "tokens"),
        (vectors, "a vector for each"),
        (blocks, "n_layer times"),
        (scores, "a score for each token"),
    ] {
        drawing.words((area.top().0, 24.0), Anchor::Middle, words);
    }
    drawing.words((next.bottom().0, next.bottom().1 + 18.0), Anchor::Middle, "next token");
    let legend = [
        (Dimension::Time, "tokens (time)"),
        (Dimension::Channel, "embedding width (n_embd)"),
        (Dimension::Vocabulary, "vocabulary"),
    ];
    let mut x = 14.0;
    for (dimension, words) in legend {
        drawing.grid((x, 270.0), 14.0, 1, 1, dimension);
        drawing.words((x + 22.0, 277.0), Anchor::Start, words);
        x += 44.0 + 9.0 * words.len() as f64;
    }
    drawing.finish()
}
