//! SwiGLU: the way of one token through a gated feed-forward layer.

use super::axes::Axes;
use super::draw::{Anchor, Area, Dimension, Drawing, Letters};

fn silu(x: f64) -> f64 {
    x / (1.0 + (-x).exp())
}

/// One token: up twice, gated, and back.
pub fn swiglu_flow() -> String {
    const C: usize = 4;
    /// 8/3 C, rounded up.
    const F: usize = 11;
    const CELL: f64 = 18.0;
    /// The hidden unit that is marked.
    const CHOSEN: usize = 4;
    let mut drawing = Drawing::new(700.0, 420.0);
    let channel = Dimension::Channel;
    let x = drawing.grid((14.0, 198.0), CELL, 1, C, channel);
    let w_gate = drawing.grid((150.0, 62.0), CELL, C, F, Dimension::Plain);
    let gate = drawing.grid((150.0, 158.0), CELL, 1, F, channel);
    let up = drawing.grid((150.0, 256.0), CELL, 1, F, channel);
    let w_up = drawing.grid((150.0, 298.0), CELL, C, F, Dimension::Plain);
    let h = drawing.grid((150.0, 215.0), CELL, 1, F, Dimension::Accent);
    let w_down = drawing.grid((462.0, 125.0), CELL, F, C, Dimension::Plain);
    let y = drawing.grid((602.0, w_down.left().1 - CELL / 2.0), CELL, 1, C, channel);

    // The activation function, below each number of the gate.
    for i in 0..F {
        let at = (gate.at.0 + CELL * i as f64 + 2.0, gate.bottom().1 + 8.0);
        let axes = Axes { area: Area { at, size: (14.0, 16.0) }, x: (-3.0, 2.0), y: (-0.3, 1.8) };
        drawing.stroke(&axes.points(-3.0, 2.0, silu), 2.0, Dimension::Accent);
    }
    let corner = |to: Area| [(x.right().0 + 10.0, x.right().1), (x.right().0 + 10.0, to.left().1)];
    for matrix in [w_gate, w_up] {
        let [from, to] = corner(matrix);
        drawing.line(&[from, to], 1.5);
        drawing.arrow((to.0 - 4.0, to.1), matrix.left());
    }
    drawing.line(&[x.right(), (x.right().0 + 10.0, x.right().1)], 1.5);
    drawing.arrow(w_gate.bottom(), gate.top());
    drawing.arrow(w_up.top(), up.bottom());
    drawing.arrow(h.right(), w_down.left());
    drawing.arrow(w_down.right(), y.left());

    let place = CELL * CHOSEN as f64;
    for matrix in [w_gate, w_up] {
        let column = Area { at: (matrix.at.0 + place, matrix.at.1), size: (CELL, matrix.size.1) };
        drawing.frame(column, Dimension::Accent);
    }
    for row in [gate, h, up] {
        drawing.frame(
            Area { at: (row.at.0 + place, row.at.1), size: (CELL, CELL) },
            Dimension::Accent,
        );
    }
    let row = Area { at: (w_down.at.0, w_down.at.1 + place), size: (w_down.size.0, CELL) };
    drawing.frame(row, Dimension::Accent);

    let small = Letters::SMALL;
    for (area, name, above) in [(w_gate, "gate_proj", true), (w_up, "up_proj", false)] {
        let y = if above { area.at.1 - 38.0 } else { area.bottom().1 + 20.0 };
        drawing.write((area.top().0, y), Anchor::Middle, Letters::STRONG, name);
        drawing.write((area.top().0, y + 22.0), Anchor::Middle, small, "(4, 11)");
    }
    let (a, b) = w_down.top();
    drawing.write((a, b - 38.0), Anchor::Middle, Letters::STRONG, "down_proj");
    drawing.write((a, b - 16.0), Anchor::Middle, small, "(11, 4)");
    for area in [x, y] {
        drawing.write((area.top().0, area.at.1 - 16.0), Anchor::Middle, small, "C = 4");
    }
    for (row, name) in [(gate, "gate"), (up, "up")] {
        drawing.write((row.right().0 + 12.0, row.right().1), Anchor::Start, small, name);
    }
    drawing.write((h.right().0 + 12.0, h.right().1 - 12.0), Anchor::Start, small, "h, F = 11");
    drawing.write((h.at.0 - 12.0, gate.bottom().1 + 16.0), Anchor::End, small, "silu");
    drawing.write((h.at.0 - 12.0, h.bottom().1 + 11.0), Anchor::End, small, "times");
    drawing.finish()
}
