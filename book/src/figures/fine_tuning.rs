//! Fine-tuning: which position predicts which token, and who attends to whom in a packed row.

use super::draw::{Anchor, Area, Dimension, Drawing, Letters};

const TOKENS: [&str; 6] = ["two", "plus", "two", "makes", "four", "end"];

/// The first token of the answer.
const ANSWER: usize = 3;

/// The tokens of a conversation, and below them the target of each position.
pub fn loss_mask() -> String {
    const STEP: f64 = 98.0;
    let mut drawing = Drawing::new(760.0, 232.0);
    let left = |t: usize| 138.0 + STEP * t as f64;
    let of_answer = |t: usize| if t >= ANSWER { Dimension::Accent } else { Dimension::Plain };
    drawing.write((18.0, 70.0), Anchor::Start, Letters::STRONG, "reads");
    drawing.write((18.0, 164.0), Anchor::Start, Letters::STRONG, "predicts");
    for (t, token) in TOKENS.into_iter().enumerate() {
        let size = (80.0, 36.0);
        let words = format!("position {t}");
        drawing.write((left(t) + 40.0, 30.0), Anchor::Middle, Letters::SMALL, &words);
        let read = drawing.tinted((left(t), 52.0), size, token, of_answer(t));
        let Some(target) = TOKENS.get(t + 1) else {
            drawing.words((left(t) + 40.0, 164.0), Anchor::Middle, "nothing");
            continue;
        };
        let predicted = drawing.tinted((left(t), 146.0), size, target, of_answer(t + 1));
        drawing.arrow(read.bottom(), predicted.top());
        let loss = if t + 1 >= ANSWER { "loss" } else { "no loss" };
        drawing.words((left(t) + 40.0, 208.0), Anchor::Middle, loss);
    }
    drawing.finish()
}

/// Two squares of ten by ten scores: one triangle, and one for each of three examples.
pub fn packed_row() -> String {
    const CELL: f64 = 26.0;
    const ROW: usize = 10;
    let mut drawing = Drawing::new(760.0, 346.0);
    for (left, title, lengths) in
        [(70.0, "one causal mask: 55", &[10][..]), (440.0, "and borders: 28", &[6, 3, 1])]
    {
        let area = Area { at: (left, 50.0), size: (CELL * ROW as f64, CELL * ROW as f64) };
        drawing.write((area.top().0, 22.0), Anchor::Middle, Letters::STRONG, title);
        let mut start = 0;
        for &length in lengths {
            for i in start..start + length {
                for j in start..=i {
                    let at = (left + CELL * j as f64, 50.0 + CELL * i as f64);
                    drawing.bar(Area { at, size: (CELL, CELL) }, Dimension::Time, 0.3);
                }
            }
            let at = (left + CELL * start as f64, 50.0 + CELL * start as f64);
            let side = CELL * length as f64;
            drawing.frame(Area { at, size: (side, side) }, Dimension::Accent);
            start += length;
        }
        drawing.words((area.bottom().0, 330.0), Anchor::Middle, "is seen");
        drawing.upright((left - 18.0, area.left().1), "sees");
    }
    drawing.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_positions_have_a_loss_and_a_packed_row_has_fewer_scores() {
        assert_eq!(loss_mask().matches(">loss<").count(), 3);
        assert_eq!(loss_mask().matches(">no loss<").count(), 2);
        let shaded = format!("fill-opacity=\"{:.2}\"", 0.3);
        assert_eq!(packed_row().matches(&shaded).count(), 55 + 28);
    }
}
