//! The way from a text to the next token.

use super::draw::{Anchor, Dimension, Drawing};

/// A GPT from the text at the left to the next token at the right.
pub fn map_of_a_gpt() -> String {
    let mut drawing = Drawing::new(720.0, 300.0);
    let middle = 120.0;
    let text = drawing.boxed((10.0, middle - 22.0), (92.0, 44.0), "\"In the\"");
    let tokens = drawing.table(
        (140.0, middle - 52.0),
        52.0,
        &[vec!["41"], vec!["318"]].concat().into_iter().map(|t| vec![t]).collect::<Vec<_>>(),
        Dimension::Time,
    );
    let vectors = drawing.grid((232.0, middle - 26.0), 26.0, 2, 4, Dimension::Channel);
    let blocks = drawing.tinted(
        (376.0, middle - 60.0),
        (116.0, 120.0),
        "blocks:\nlook back,\nthink",
        Dimension::Channel,
    );
    let logits = drawing.grid((532.0, middle - 9.0), 18.0, 1, 6, Dimension::Vocabulary);
    let next = drawing.boxed((628.0, middle + 60.0), (84.0, 44.0), "\"begin…\"");
    drawing.arrow(text.right(), (140.0, middle));
    drawing.arrow((192.0, middle), (232.0, middle));
    drawing.arrow((vectors.right().0, middle), blocks.left());
    drawing.arrow(blocks.right(), (532.0, logits.right().1));
    drawing.arrow(logits.bottom(), next.top());
    let _ = tokens;
    for (x, words) in [
        (56.0, "text"),
        (166.0, "tokens"),
        (284.0, "a vector for each"),
        (434.0, "n_layer times"),
        (596.0, "a score for each token"),
    ] {
        drawing.words((x, 24.0), Anchor::Middle, words);
    }
    drawing.words((670.0, middle + 122.0), Anchor::Middle, "next token");
    let legend = [
        (Dimension::Time, "tokens (time)"),
        (Dimension::Channel, "numbers a token (n_embd)"),
        (Dimension::Vocabulary, "vocabulary"),
    ];
    let mut x = 14.0;
    for (dimension, words) in legend {
        drawing.grid((x, 270.0), 14.0, 1, 1, dimension);
        drawing.words((x + 22.0, 277.0), Anchor::Start, words);
        x += 50.0 + 8.6 * words.len() as f64;
    }
    drawing.finish()
}
