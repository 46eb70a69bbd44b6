//! Which query head reads which key/value head.

use super::draw::{Anchor, Area, Dimension, Drawing, Letters};

/// Six query heads over six, two and one key/value heads.
pub fn grouped_heads() -> String {
    const HEADS: usize = 6;
    const BOX: f64 = 30.0;
    const STEP: f64 = 37.0;
    let mut drawing = Drawing::new(760.0, 262.0);
    let panels = [("multi-head", 6), ("grouped-query", 2), ("multi-query", 1)];
    for (panel, (name, kv_heads)) in panels.into_iter().enumerate() {
        let left = 18.0 + 250.0 * panel as f64;
        let middle = left + STEP * HEADS as f64 / 2.0;
        drawing.write((middle, 20.0), Anchor::Middle, Letters::STRONG, name);
        drawing.write((middle, 52.0), Anchor::Middle, Letters::SMALL, "keys and values");
        let words = format!("cache: {kv_heads} of {HEADS}");
        drawing.words((middle, 244.0), Anchor::Middle, &words);
        drawing.write((middle, 218.0), Anchor::Middle, Letters::SMALL, "queries");
        let group = HEADS / kv_heads;
        for g in 0..kv_heads {
            let width = STEP * group as f64;
            let x = left + width * (g as f64 + 0.5) - BOX / 2.0;
            let kv = drawing.bar(Area { at: (x, 70.0), size: (BOX, BOX) }, Dimension::Channel, 0.5);
            drawing.words(kv.middle(), Anchor::Middle, &g.to_string());
            for h in g * group..(g + 1) * group {
                let x = left + STEP * (h as f64 + 0.5) - BOX / 2.0;
                let query =
                    drawing.bar(Area { at: (x, 170.0), size: (BOX, BOX) }, Dimension::Head, 0.35);
                drawing.words(query.middle(), Anchor::Middle, &h.to_string());
                drawing.arrow(query.top(), kv.bottom());
            }
        }
    }
    drawing.finish()
}
