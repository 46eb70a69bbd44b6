//! A strip of tokens, a window on it, and a batch of windows.

use stage01_bigram::corpus::Corpus;
use stage01_bigram::dataset::{Dataset, split};
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::tokenizer::CharTokenizer;

use super::draw::{Anchor, Area, Dimension, Drawing, Letters};

const WINDOWS: usize = 3;
const PLACES: usize = 8;

/// A batch of the King James text, the one that the chapter's example prints: inputs, targets.
fn batch() -> [Vec<u32>; 2] {
    let text = Corpus::built_in().text;
    let tokenizer = CharTokenizer::train(&text).expect("the built-in text is not empty");
    let (train, _) = split(&text, 0.9).expect("it is long enough to be cut");
    let tokens = tokenizer.encode(train).expect("its characters are known");
    let data = Dataset::new(tokens, 32).expect("it is longer than a window");
    let (mut inputs, mut targets) = (Vec::new(), Vec::new());
    let rng = &mut generator(1, Purpose::Batch, 0);
    data.sample_batch(WINDOWS, PLACES, rng, &mut inputs, &mut targets);
    [inputs, targets]
}

/// One strip, two views of it; and a stack of windows as two matrices.
pub fn windows_and_batch() -> String {
    let mut drawing = Drawing::new(536.0, 640.0);
    const CELL: f64 = 40.0;
    let word = "abracadabra";
    let tokenizer = CharTokenizer::train(word).expect("a word is a text");
    let tokens = tokenizer.encode(word).expect("its letters are known");
    let left = 48.0;
    let middle = |place: usize| left + (place as f64 + 0.5) * CELL;
    let numbers: Vec<_> = tokens.iter().map(u32::to_string).collect();
    let strip = drawing.table((left, 92.0), CELL, &[numbers], Dimension::Time);
    for (place, letter) in word.chars().enumerate() {
        let at = (middle(place), strip.at.1 - 16.0);
        drawing.words(at, Anchor::Middle, &letter.to_string());
    }
    let ends = |from: usize| {
        (middle(from) - CELL / 2.0 + 3.0, middle(from + PLACES - 1) + CELL / 2.0 - 3.0)
    };
    let ((first, last), (shifted, end)) = (ends(0), ends(1));
    let (above, below) = (strip.at.1 - 34.0, strip.bottom().1 + 12.0);
    drawing.bracket((first, above), last, 8.0, Dimension::Ink);
    drawing.bracket((shifted, below), end, -8.0, Dimension::Ink);
    drawing.write(((first + last) / 2.0, above - 16.0), Anchor::Middle, Letters::STRONG, "inputs");
    drawing.write(
        ((shifted + end) / 2.0, below + 18.0),
        Anchor::Middle,
        Letters::STRONG,
        "targets",
    );
    // One box further on.
    let level = below + 18.0;
    drawing.faint(&[(first, strip.bottom().1), (first, level + 10.0)]);
    drawing.vector((first, level), (shifted, level), Dimension::Accent);
    drawing.write((first - 8.0, level), Anchor::End, Letters::STRONG, "+1");

    let left = 110.0;
    let mut top = 300.0;
    let width = CELL * PLACES as f64;
    let heading = (left + width / 2.0, top - 76.0);
    drawing.words(heading, Anchor::Middle, "a batch of the King James text");
    drawing.bracket((left, top - 16.0), left + width, 8.0, Dimension::Time);
    let words = format!("T = {PLACES} places");
    drawing.words((left + width / 2.0, top - 32.0), Anchor::Middle, &words);
    for (name, tokens) in ["inputs", "targets"].into_iter().zip(batch()) {
        let rows: Vec<Vec<_>> =
            tokens.chunks(PLACES).map(|row| row.iter().map(u32::to_string).collect()).collect();
        for (i, row) in rows.into_iter().enumerate() {
            // Each window is a strip of its own, with a frame in the colour of the batch.
            let y = top + i as f64 * (CELL + 8.0);
            let row = drawing.table((left, y), CELL, &[row], Dimension::Time);
            drawing.frame(row, Dimension::Batch);
        }
        let height = WINDOWS as f64 * (CELL + 8.0) - 8.0;
        let area = Area { at: (left, top), size: (width, height) };
        drawing.write(
            (area.right().0 + 14.0, area.right().1),
            Anchor::Start,
            Letters::STRONG,
            name,
        );
        let (x, from, to) = (left - 14.0, top, top + height);
        drawing.stroke(
            &[(x + 8.0, from), (x, from), (x, to), (x + 8.0, to)],
            2.0,
            Dimension::Batch,
        );
        let y = area.left().1;
        drawing.words((x - 10.0, y - 10.0), Anchor::End, &format!("B = {WINDOWS}"));
        drawing.words((x - 10.0, y + 10.0), Anchor::End, "windows");
        top += height + 44.0;
    }
    drawing.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_inputs_one_place_further() {
        let [inputs, targets] = batch();
        assert_eq!(inputs.len(), WINDOWS * PLACES);
        for (inputs, targets) in inputs.chunks(PLACES).zip(targets.chunks(PLACES)) {
            assert_eq!(inputs[1..], targets[..PLACES - 1]);
        }
        // The first line of the batch that the chapter prints.
        assert_eq!(inputs[..PLACES], [10, 11, 11, 0, 0, 22, 1, 40]);
    }
}
