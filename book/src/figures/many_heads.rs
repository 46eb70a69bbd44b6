//! Attention with four heads, from the input to the output.

use super::draw::{Anchor, Area, Dimension, Drawing, Letters, Point};

/// T, C, and the number of heads.
const TOKENS: usize = 64;
const CHANNELS: usize = 64;
const HEADS: usize = 4;

/// How strongly the colour of the heads is laid on for one of them.
fn strength(head: usize) -> f64 {
    0.12 + 0.24 * head as f64
}

/// A matrix whose columns are cut into a group for each head.
fn groups(drawing: &mut Drawing, at: Point, size: Point) -> Area {
    let width = size.0 / HEADS as f64;
    for head in 0..HEADS {
        let at = (at.0 + width * head as f64, at.1);
        drawing.bar(Area { at, size: (width, size.1) }, Dimension::Head, strength(head));
    }
    Area { at, size }
}

/// Split into heads, attend, concatenate, project.
pub fn many_heads_flow() -> String {
    let mut drawing = Drawing::new(680.0, 350.0);
    let middle = 140.0;
    let size = (48.0, 96.0);
    let top = middle - size.1 / 2.0;
    let x = drawing.bar(Area { at: (14.0, top), size }, Dimension::Channel, 0.2);
    let c_attn = drawing.boxed((86.0, middle - 24.0), (64.0, 48.0), "c_attn");
    let cut: Vec<Area> =
        (0..3).map(|i| groups(&mut drawing, (174.0 + 56.0 * i as f64, top), size)).collect();
    let result = groups(&mut drawing, (448.0, top), size);
    let c_proj = drawing.boxed((522.0, middle - 24.0), (64.0, 48.0), "c_proj");
    let out = drawing.bar(Area { at: (612.0, top), size }, Dimension::Channel, 0.2);
    const SIDE: f64 = 40.0;
    for head in 0..HEADS {
        let y = middle + 54.0 * (head as f64 - 1.5);
        let at = (366.0, y - SIDE / 2.0);
        triangle(&mut drawing, at, SIDE / 5.0, strength(head));
        let beside = middle + 18.0 * (head as f64 - 1.5);
        drawing.arrow((cut[2].right().0, beside), (at.0, y));
        let to = middle + 18.0 * (head as f64 - 1.5);
        drawing.arrow((at.0 + SIDE, y), (result.at.0, to));
    }
    drawing.arrow(x.right(), c_attn.left());
    drawing.arrow(c_attn.right(), cut[0].left());
    drawing.arrow(result.right(), c_proj.left());
    drawing.arrow(c_proj.right(), out.left());
    for (area, name) in [(x, "x"), (cut[0], "q"), (cut[1], "k"), (cut[2], "v"), (out, "out")] {
        drawing.write((area.top().0, top - 16.0), Anchor::Middle, Letters::NAME, name);
    }
    drawing.words((386.0, 14.0), Anchor::Middle, "attention weights");
    let by = |rows: usize, columns: usize| format!("{rows} × {columns}");
    let level = 262.0;
    let whole = by(TOKENS, CHANNELS);
    for (at, words) in [
        (x.top().0, whole.as_str()),
        (cut[1].top().0, &by(TOKENS, 3 * CHANNELS)),
        (386.0, &by(TOKENS, TOKENS)),
        (result.top().0, &whole),
        (out.top().0, &whole),
    ] {
        drawing.words((at, level), Anchor::Middle, words);
    }
    drawing.bracket((cut[0].at.0, level - 18.0), cut[2].right().0, -8.0, Dimension::Plain);
    let each = format!("each head {}", by(TOKENS, CHANNELS / HEADS));
    drawing.write((cut[1].top().0, level + 22.0), Anchor::Middle, Letters::SMALL, &each);
    drawing.write((386.0, level + 22.0), Anchor::Middle, Letters::SMALL, "each head");
    for (x, y, words) in [
        (cut[1].top().0, 316.0, "split"),
        (386.0, 316.0, "attend"),
        (result.top().0, 316.0, "concatenate"),
        (out.top().0, 316.0, "project"),
    ] {
        drawing.write((x, y), Anchor::Middle, Letters::STRONG, words);
    }
    drawing.finish()
}

/// A matrix of attention weights: nothing above its diagonal.
fn triangle(drawing: &mut Drawing, at: Point, cell: f64, strength: f64) {
    for row in 0..5 {
        for column in 0..=row {
            let at = (at.0 + cell * column as f64, at.1 + cell * row as f64);
            drawing.bar(Area { at, size: (cell, cell) }, Dimension::Head, strength);
        }
    }
}
