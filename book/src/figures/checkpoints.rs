//! How a file is written so that nothing is lost.

use super::draw::{Anchor, Area, Dimension, Drawing, Letters, Point};

const SIZE: Point = (62.0, 80.0);

/// A sheet that is written on as far as `full` says.
fn sheet(drawing: &mut Drawing, at: Point, full: f64, dimension: Dimension) -> Area {
    drawing.tinted(at, SIZE, "", dimension);
    let lines = (6.0 * full) as usize;
    for line in 0..lines {
        let y = at.1 + 15.0 + 10.0 * line as f64;
        drawing.stroke(&[(at.0 + 10.0, y), (at.0 + SIZE.0 - 10.0, y)], 3.0, dimension);
    }
    Area { at, size: SIZE }
}

/// A temporary file, sync, rename.
pub fn atomic_write() -> String {
    const PANEL: f64 = 202.0;
    const TOP: f64 = 58.0;
    let mut drawing = Drawing::new(816.0, 290.0);
    let titles = ["1", "2  write", "3  sync", "4  rename"];
    for (panel, title) in titles.into_iter().enumerate() {
        let left = 6.0 + PANEL * panel as f64;
        let (old, new) = ((left + 20.0, TOP), (left + 118.0, TOP));
        let middle = left + 100.0;
        drawing.write((middle, 22.0), Anchor::Middle, Letters::STRONG, title);
        if panel > 0 {
            drawing.faint(&[(left - 2.0, 10.0), (left - 2.0, 214.0)]);
        }
        let name = |drawing: &mut Drawing, at: Point, words: &str| {
            for (line, words) in words.lines().enumerate() {
                let at = (at.0 + SIZE.0 / 2.0, TOP + SIZE.1 + 18.0 + 18.0 * line as f64);
                drawing.write(at, Anchor::Middle, Letters::SMALL, words);
            }
        };
        let dimension = if panel == 3 { Dimension::Accent } else { Dimension::Plain };
        let words = if panel == 3 { "new" } else { "old" };
        let first = sheet(&mut drawing, old, 1.0, dimension);
        name(&mut drawing, old, &format!("model\n.safetensors\n({words})"));
        match panel {
            1 | 2 => {
                let full = if panel == 1 { 0.5 } else { 1.0 };
                sheet(&mut drawing, new, full, Dimension::Accent);
                name(&mut drawing, new, ".model\n.safetensors\n.4711-0.tmp");
            }
            3 => {
                let (x, y) = new;
                let (right, bottom) = (x + SIZE.0, y + SIZE.1);
                drawing.dashes(&[(x, y), (right, y), (right, bottom), (x, bottom), (x, y)]);
                let from = (x + 14.0, first.right().1);
                drawing.vector(from, (first.right().0 + 3.0, from.1), Dimension::Ink);
            }
            _ => {}
        }
        if panel == 2 {
            let at = (new.0 + SIZE.0 / 2.0, TOP - 12.0);
            drawing.write(at, Anchor::Middle, Letters::SMALL, "✓ synced");
        }
        let area = Area { at: (left + 30.0, 250.0), size: (136.0, 30.0) };
        drawing.bar(area, dimension, 0.2);
        drawing.write(area.middle(), Anchor::Middle, Letters::STRONG, words);
    }
    drawing.words((36.0, 230.0), Anchor::Start, "A crash now leaves:");
    drawing.finish()
}
