//! English seen as a matrix, and the fact about ln that the floor rests on.

use stage01_bigram::bigram::CountedBigram;
use stage01_bigram::corpus::Corpus;
use stage01_bigram::dataset::split;
use stage01_bigram::tokenizer::CharTokenizer;

use super::axes::Axes;
use super::draw::{Anchor, Area, Dimension, Drawing, Letters, number};

/// The probability of a character after another one in the King James text.
pub fn bigram_table() -> String {
    const CELL: f64 = 20.0;
    let characters: Vec<char> = "\n ".chars().chain('a'..='z').collect();
    let text = Corpus::built_in().text;
    let (train, _) = split(&text, 0.9).expect("the built-in text is long enough");
    let tokenizer = CharTokenizer::train(train).expect("it is not empty");
    let tokens = tokenizer.encode(train).expect("its characters are known");
    let model = CountedBigram::count(&tokens, tokenizer.vocab_size(), 0.0)
        .expect("the tokens come from this tokenizer");
    let known = |c: char| tokenizer.encode(&c.to_string()).expect("a character of the text")[0];
    let p = |a, b| model.probability(known(a), known(b)).expect("both are known");

    let mut drawing = Drawing::new(620.0, 690.0);
    let (left, top) = (48.0, 56.0);
    let side = CELL * characters.len() as f64;
    let table = Area { at: (left, top), size: (side, side) };
    let place = |i: usize| i as f64 * CELL;
    for (i, &c) in characters.iter().enumerate() {
        let name = match c {
            '\n' => "↵".to_string(),
            ' ' => "␣".to_string(),
            letter => letter.to_string(),
        };
        let middle = place(i) + CELL / 2.0;
        drawing.write((left + middle, top - 14.0), Anchor::Middle, Letters::SMALL, &name);
        drawing.write((left - 14.0, top + middle), Anchor::Middle, Letters::SMALL, &name);
        drawing.faint(&[(left, top + place(i)), (left + side, top + place(i))]);
        drawing.faint(&[(left + place(i), top), (left + place(i), top + side)]);
    }
    drawing.faint(&[(left, top + side), (left + side, top + side), (left + side, top)]);
    for (i, &a) in characters.iter().enumerate() {
        for (j, &b) in characters.iter().enumerate() {
            let strength = p(a, b).sqrt();
            // What is weaker could not be seen.
            if strength >= 0.02 {
                let at = (left + place(j), top + place(i));
                drawing.square(at, CELL, Dimension::Vocabulary, strength);
            }
        }
    }
    for (a, b) in [('q', 'u'), ('t', 'h')] {
        let at = |wanted| characters.iter().position(|&c| c == wanted).map_or(0.0, place);
        let at = (left + at(b), top + at(a));
        drawing.frame(Area { at, size: (CELL, CELL) }, Dimension::Ink);
    }
    drawing.words((table.top().0, 18.0), Anchor::Middle, "next character");
    drawing.upright((14.0, table.left().1), "last character");
    let level = top + side + 30.0;
    drawing.write((left, level), Anchor::Start, Letters::SMALL, "probability");
    for (i, p) in [0.001f64, 0.01, 0.1, 0.5, 1.0].into_iter().enumerate() {
        let x = left + 96.0 + 86.0 * i as f64;
        let at = (x, level - CELL / 2.0);
        drawing.square(at, CELL, Dimension::Vocabulary, p.sqrt());
        drawing.write((x + 26.0, level), Anchor::Start, Letters::SMALL, &number(p, 3));
    }
    let words = "The strength of the colour is the square root, so that small ones show.";
    drawing.write((left, level + 28.0), Anchor::Start, Letters::SMALL, words);
    drawing.finish()
}

/// The logarithm is never above the line that touches it at 1.
pub fn ln_below_tangent() -> String {
    let mut drawing = Drawing::new(540.0, 430.0);
    let area = Area { at: (44.0, 40.0), size: (440.0, 350.0) };
    let axes = Axes { area, x: (0.0, 3.1), y: (-3.0, 2.1) };
    let line = |u: f64| u - 1.0;
    let (from, to) = (0.05, 3.0);
    let mut gap = axes.points(from, to, line);
    gap.extend(axes.points(from, to, f64::ln).into_iter().rev());
    drawing.tint(&gap, Dimension::Accent);
    let (zero, right) = (axes.point(0.0, 0.0), axes.point(3.1, 0.0));
    drawing.arrow(zero, (right.0 + 14.0, right.1));
    drawing.arrow((area.at.0, area.at.1 + area.size.1), (area.at.0, area.at.1 - 12.0));
    drawing.write((right.0 + 20.0, right.1), Anchor::Start, Letters::NAME, "u");
    for u in [1.0, 2.0, 3.0] {
        let (x, y) = axes.point(u, 0.0);
        drawing.line(&[(x, y), (x, y + 6.0)], 1.2);
        drawing.write((x, y + 18.0), Anchor::Middle, Letters::SMALL, &number(u, 0));
    }
    axes.y_marks(&mut drawing, &[-3.0, -2.0, -1.0, 0.0, 1.0, 2.0].map(|y| (y, number(y, 0))));
    drawing.stroke(&axes.points(from, to, line), 2.5, Dimension::Accent);
    drawing.stroke(&axes.points(from, to, f64::ln), 3.0, Dimension::Ink);
    let touch = axes.point(1.0, 0.0);
    drawing.dot(touch, Dimension::Ink);
    drawing.words((touch.0 - 4.0, touch.1 - 44.0), Anchor::Middle, "touch: slope 1");
    drawing.faint(&[(touch.0, touch.1 - 32.0), (touch.0, touch.1 - 8.0)]);
    let (x, y) = axes.point(2.3, line(2.3));
    drawing.write((x - 12.0, y - 12.0), Anchor::End, Letters::NAME, "u − 1");
    let (x, y) = axes.point(2.5, 2.5f64.ln());
    drawing.write((x + 8.0, y + 20.0), Anchor::Start, Letters::NAME, "ln u");
    drawing.finish()
}
