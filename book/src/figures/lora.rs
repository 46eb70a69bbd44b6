//! LoRA: a frozen matrix, and two thin ones beside it.

use super::draw::{Anchor, Area, Dimension, Drawing, Letters};

/// From x to y on two ways: through W, and through A and B.
pub fn lora_flow() -> String {
    let mut drawing = Drawing::new(760.0, 372.0);
    let x = drawing.boxed((20.0, 160.0), (90.0, 44.0), "x");
    let y = drawing.boxed((650.0, 160.0), (90.0, 44.0), "y");
    let plus = drawing.disc((588.0, 182.0), 18.0, "+", Dimension::Ink);

    let w = Area { at: (270.0, 20.0), size: (150.0, 150.0) };
    drawing.bar(w, Dimension::Plain, 0.15);
    drawing.write((345.0, 84.0), Anchor::Middle, Letters::NAME, "W");
    drawing.words((345.0, 110.0), Anchor::Middle, "frozen");
    drawing.words((440.0, 30.0), Anchor::Start, "inputs × outputs");
    drawing.arrow(x.top(), w.left());
    drawing.arrow(w.right(), plus.top());

    let a = Area { at: (200.0, 208.0), size: (24.0, 150.0) };
    drawing.bar(a, Dimension::Accent, 0.35);
    drawing.write(a.middle(), Anchor::Middle, Letters::NAME, "A");
    drawing.words((234.0, 222.0), Anchor::Start, "inputs × rank");
    let b = Area { at: (346.0, 271.0), size: (150.0, 24.0) };
    drawing.bar(b, Dimension::Accent, 0.35);
    drawing.write(b.middle(), Anchor::Middle, Letters::NAME, "B");
    drawing.words((421.0, 314.0), Anchor::Middle, "rank × outputs");
    drawing.arrow(x.bottom(), a.left());
    drawing.arrow(a.right(), b.left());
    drawing.write((285.0, 270.0), Anchor::Middle, Letters::NAME, "u");
    drawing.arrow(b.right(), plus.bottom());
    drawing.words((560.0, 262.0), Anchor::Start, "times s");
    drawing.arrow(plus.right(), y.left());
    drawing.finish()
}
