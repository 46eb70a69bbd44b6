//! A token is a tree of earlier tokens.

use stage01_bigram::tokenizer::BpeTokenizer;
use stage01_bigram::tokenizer::bpe::pre_tokens;

use super::draw::{Anchor, Dimension, Drawing, Letters, Point};

const TEXT: &str = "low low low lower lowest";

/// A merge with the number of times that its pair occurred when it was learned.
struct Round {
    left: u32,
    right: u32,
    id: u32,
    count: usize,
}

/// What the tokenizer of the library learns from the text, with the counts.
fn rounds(tokenizer: &BpeTokenizer) -> Vec<Round> {
    let byte = |byte: u8| {
        let is_it = |&id: &u32| tokenizer.token_bytes(id) == Some(&[byte]);
        (0..256).find(is_it).expect("each byte is a token")
    };
    let mut words: Vec<Vec<u32>> =
        pre_tokens(TEXT).map(|pre_token| pre_token.bytes().map(byte).collect()).collect();
    let mut rounds = Vec::new();
    for merge in tokenizer.merges() {
        let mut count = 0;
        for word in &mut words {
            let mut place = 0;
            while place + 1 < word.len() {
                if (word[place], word[place + 1]) == (merge.left, merge.right) {
                    word.splice(place..place + 2, [merge.id]);
                    count += 1;
                }
                place += 1;
            }
        }
        rounds.push(Round { left: merge.left, right: merge.right, id: merge.id, count });
    }
    rounds
}

/// The tree of the last token that was learned.
pub fn merge_tree() -> String {
    let mut drawing = Drawing::new(600.0, 470.0);
    let tokenizer = BpeTokenizer::train(TEXT, 300).expect("the text is not empty");
    let rounds = rounds(&tokenizer);
    let spelled = |id: u32| {
        let bytes = tokenizer.token_bytes(id).unwrap_or_default();
        String::from_utf8_lossy(bytes).replace(' ', "␣")
    };
    // The leaves, from left to right: the root taken apart.
    let root = rounds.last().map_or(0, |round| round.id);
    let mut leaves = vec![root];
    for round in rounds.iter().rev() {
        leaves = leaves
            .into_iter()
            .flat_map(|id| if id == round.id { vec![round.left, round.right] } else { vec![id] })
            .collect();
    }
    let level = |round: usize| 420.0 - 94.0 * round as f64;
    let mut places: Vec<(u32, Point)> = Vec::new();
    let put = |drawing: &mut Drawing, id: u32, (x, y): Point| {
        let words = spelled(id);
        let width = 32.0 + 11.0 * words.chars().count() as f64;
        drawing.tinted((x - width / 2.0, y - 18.0), (width, 36.0), &words, Dimension::Vocabulary);
    };
    for (number, id) in leaves.into_iter().enumerate() {
        let at = (64.0 + 112.0 * number as f64, level(0));
        put(&mut drawing, id, at);
        places.push((id, at));
    }
    for (number, round) in rounds.iter().enumerate() {
        let at =
            |wanted| places.iter().find(|(id, _)| *id == wanted).map_or((0.0, 0.0), |(_, at)| *at);
        let (left, right) = (at(round.left), at(round.right));
        let (x, y) = ((left.0 + right.0) / 2.0, level(number + 1));
        // Down from the token to its fork, and from there to both parts.
        let fork = y + 40.0;
        drawing.line(&[(left.0, left.1 - 18.0), (left.0, fork), (right.0, fork)], 1.5);
        drawing.line(&[(right.0, fork), (right.0, right.1 - 18.0)], 1.5);
        drawing.line(&[(x, y + 18.0), (x, fork)], 1.5);
        put(&mut drawing, round.id, (x, y));
        let half = (32.0 + 11.0 * spelled(round.id).chars().count() as f64) / 2.0;
        let circle = (x - half - 24.0, y);
        drawing.disc(circle, 15.0, "", Dimension::Accent);
        drawing.write(circle, Anchor::Middle, Letters::STRONG, &(number + 1).to_string());
        let count = format!("{} times", round.count);
        drawing.write((x + half + 10.0, y), Anchor::Start, Letters::SMALL, &count);
        places.push((round.id, (x, y)));
    }
    drawing.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_are_those_of_the_chapter() {
        let tokenizer = BpeTokenizer::train(TEXT, 300).unwrap();
        let counts: Vec<_> = rounds(&tokenizer).iter().map(|round| round.count).collect();
        assert_eq!(counts, [5, 5, 4, 2]);
    }
}
