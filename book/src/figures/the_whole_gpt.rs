//! A block of a GPT, drawn for three tokens.

use super::draw::{Anchor, Area, Dimension, Drawing, Letters};

/// Two branches leave the stream and come back to it. Tokens meet only in attention.
pub fn gpt_block() -> String {
    const RADIUS: f64 = 12.0;
    let mut drawing = Drawing::new(620.0, 600.0);
    let streams = [66.0, 250.0, 434.0];
    // How far right of its stream a branch runs.
    const ASIDE: f64 = 86.0;
    let width = 116.0;
    let attention = Area { at: (88.0, 350.0), size: (502.0, 100.0) };
    drawing.tinted(attention.at, attention.size, "", Dimension::Time);
    let (pluses, leaves) = ([312.0, 108.0], [534.0, 272.0]);
    for (token, x) in streams.into_iter().enumerate() {
        let branch = x + ASIDE;
        let left = branch - width / 2.0;
        // The stream. It passes behind attention.
        let channel = Dimension::Channel;
        drawing.curve(&[(x, 556.0), (x, attention.bottom().1)], channel);
        let behind = [(x, attention.bottom().1), (x, attention.at.1)];
        if token == 0 {
            drawing.curve(&behind, channel);
        } else {
            drawing.dashed(&behind, channel);
        }
        drawing.curve(&[(x, attention.at.1), (x, pluses[0] + RADIUS)], channel);
        drawing.curve(&[(x, pluses[0] - RADIUS), (x, pluses[1] + RADIUS)], channel);
        drawing.vector((x, pluses[1] - RADIUS), (x, 58.0), channel);
        let norm = |drawing: &mut Drawing, y, words| drawing.boxed((left, y), (width, 34.0), words);
        let first = norm(&mut drawing, 476.0, "norm 1");
        let second = norm(&mut drawing, 214.0, "norm 2");
        let think = drawing.tinted((left, 146.0), (width, 38.0), "feed-forward", channel);
        for (leave, to) in leaves.into_iter().zip([first, second]) {
            drawing.line(&[(x, leave), (branch, leave)], 1.5);
            drawing.arrow((branch, leave + 3.0), (branch, to.bottom().1));
        }
        drawing.arrow(first.top(), (branch, attention.bottom().1));
        drawing.arrow(second.top(), think.bottom());
        for (plus, from) in pluses.into_iter().zip([attention.at.1, think.at.1]) {
            drawing.line(&[(branch, from - 3.0), (branch, plus), (branch - 4.0, plus)], 1.5);
            drawing.arrow((branch, plus), (x + RADIUS - 2.0, plus));
            drawing.disc((x, plus), RADIUS, "+", channel);
        }
        let number = ["token 1", "token 2", "token 3"][token];
        drawing.words((x, 578.0), Anchor::Middle, number);
        for (y, name) in [(546.0, "X"), (292.0, "X₁"), (72.0, "X₂")] {
            if token == 0 {
                drawing.write((x - 14.0, y), Anchor::End, Letters::NAME, name);
            }
        }
    }
    // Attention: each token attends to itself and to those before it.
    let level = attention.left().1 + 6.0;
    let nodes = streams.map(|x| (x + ASIDE, level));
    for node in nodes {
        drawing.dot(node, Dimension::Time);
    }
    drawing.arrow((nodes[0].0 + 4.0, level), (nodes[1].0 - 4.0, level));
    drawing.arrow((nodes[1].0 + 4.0, level), (nodes[2].0 - 4.0, level));
    let low = level + 28.0;
    let (from, to) = (nodes[0].0 + 8.0, nodes[2].0 - 16.0);
    drawing.line(&[(from, level + 9.0), (from + 18.0, low), (to - 10.0, low)], 1.5);
    drawing.arrow((to - 13.0, low + 2.0), (nodes[2].0 - 2.0, level + 4.0));
    let middle = (attention.middle().0, attention.at.1 + 20.0);
    drawing.write(middle, Anchor::Middle, Letters::STRONG, "attention");
    let (a, b) = ((streams[2] + ASIDE + 4.0), 578.0);
    drawing.write((a + 76.0, b), Anchor::End, Letters::SMALL, "later ⟶");
    drawing.words(
        (310.0, 24.0),
        Anchor::Middle,
        "each token has its stream; they meet in attention only",
    );
    drawing.finish()
}
