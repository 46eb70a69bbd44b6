//! The model with one block of attention.

use super::draw::{Anchor, Dimension, Drawing};

/// From tokens and places at the bottom to the logits at the top.
pub fn one_block_model() -> String {
    let mut drawing = Drawing::new(500.0, 640.0);
    let road = 190.0;
    let size = (84.0, 40.0);
    let plus =
        |drawing: &mut Drawing, y: f64| drawing.disc((road, y), 18.0, "+", Dimension::Channel);
    let sum = plus(&mut drawing, 462.0);
    let added = plus(&mut drawing, 190.0);
    for (side, source, table, dimension) in
        [(-1.0, "tokens", "wte", Dimension::Vocabulary), (1.0, "places", "wpe", Dimension::Time)]
    {
        let left = road + 80.0 * side - size.0 / 2.0;
        let source = drawing.tinted((left, 588.0), size, source, Dimension::Time);
        let table = drawing.tinted((left, 514.0), size, table, dimension);
        drawing.arrow(source.top(), table.bottom());
        let (x, y) = table.top();
        drawing.line(&[(x, y), (x, sum.left().1), (x - side * 36.0, sum.left().1)], 1.5);
        let end = if side < 0.0 { sum.left() } else { sum.right() };
        drawing.arrow((end.0 + side * 30.0, end.1), end);
    }
    let x = drawing.tinted((road - 60.0, 370.0), (120.0, 40.0), "X (T × C)", Dimension::Channel);
    drawing.arrow(sum.top(), x.bottom());
    let (from, to) = ((road, x.top().1 - 2.0), (road, added.bottom().1 + 4.0));
    drawing.broad(from, to, 34.0, Dimension::Channel);
    let words = "attention\n(4 heads)";
    let attention = drawing.tinted((330.0, 268.0), (120.0, 60.0), words, Dimension::Head);
    let (turn, level) = (attention.bottom().0, x.right().1);
    drawing.line(&[x.right(), (turn, level), (turn, attention.bottom().1 + 26.0)], 1.5);
    drawing.arrow((turn, attention.bottom().1 + 30.0), attention.bottom());
    let level = added.right().1;
    drawing.line(&[attention.top(), (turn, level), (added.right().0 + 26.0, level)], 1.5);
    drawing.arrow((added.right().0 + 30.0, level), added.right());
    drawing.lines((90.0, 298.0), "what is\nknown already");
    drawing.words((turn, level - 38.0), Anchor::Middle, "what the tokens before");
    drawing.words((turn, level - 18.0), Anchor::Middle, "have to say");
    let head = drawing.boxed((road - 60.0, 94.0), (120.0, 40.0), "lm_head");
    let logits =
        drawing.tinted((road - 75.0, 14.0), (150.0, 40.0), "logits (T × V)", Dimension::Vocabulary);
    drawing.arrow(added.top(), head.bottom());
    drawing.arrow(head.top(), logits.bottom());
    drawing.finish()
}
