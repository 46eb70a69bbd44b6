//! What is shown: an example, and the data in numbers.

use proptest::prelude::*;

use super::super::{Batches, Summary, TextEncoder, show};
use super::{plain, talk, with_end};

#[test]
fn an_example_shows_what_is_learned() {
    let tokenizer = with_end();
    let messages = talk(&["the user\t?", "yes\n\u{1b}[31m", "and", &"the answers ".repeat(6)]);
    let example = plain(&tokenizer, 400).encode(&messages).unwrap();
    let expected = [
        "  | User:\\n",
        "  | the user\\t?\\n",
        "  | \\n",
        "  | Assistant:\\n",
        "  > yes\\n",
        "  > \\u{1b}[31m<|endoftext|>",
        "  | \\n",
        "  | \\n",
        "  | User:\\n",
        "  | and\\n",
        "  | \\n",
        "  | Assistant:\\n",
        "  > the answers the answers the answers the answers the ",
        "  > answers the answers<|endoftext|>",
    ];
    assert_eq!(show(&example, &tokenizer).unwrap(), expected);
}

proptest! {
    #[test]
    fn no_line_is_too_long_and_nothing_is_left_out(text in r"\PC{1,200}", block in 2usize..90) {
        let tokenizer = with_end();
        for example in TextEncoder::new(&tokenizer, block).encode(&text).unwrap() {
            let lines = show(&example, &tokenizer).unwrap();
            prop_assert!(lines.iter().all(|line| line.chars().count() <= 60));
            let read = |mark: &str| lines.iter().filter_map(|line| line.strip_prefix(mark)).collect();
            let (first, rest): (String, String) = (read("  | "), read("  > "));
            // A piece may begin inside of a character.
            if let (Ok(a), Ok(b)) = (
                String::from_utf8(tokenizer.decode_bytes(&example.tokens[..1]).unwrap()),
                String::from_utf8(tokenizer.decode_bytes(&example.tokens[1..]).unwrap()),
            ) {
                prop_assert_eq!(first, stage01_bigram::text::printable(&a));
                prop_assert_eq!(rest, stage01_bigram::text::printable(&b));
            }
        }
    }
}

#[test]
fn the_data_in_numbers() {
    let tokenizer = with_end();
    let encoder = plain(&tokenizer, 64);
    let mut examples: Vec<_> = [&["a", "b"][..], &["c", "d", "e", "f"]]
        .map(|said| encoder.encode(&talk(said)).unwrap())
        .into();
    examples.extend(TextEncoder::new(&tokenizer, 64).encode("x y").unwrap());
    let lengths: Vec<usize> = examples.iter().map(|example| example.tokens.len()).collect();
    let batches = Batches::new(examples, 100, 2, 1, 0).unwrap();
    let summary = Summary::of(&batches);
    assert_eq!((summary.conversations, summary.messages, summary.answers), (2, 6, 3));
    assert_eq!((summary.pieces, summary.rows, summary.batches), (1, 1, 1));
    assert_eq!(summary.tokens, lengths.iter().sum::<usize>());
    assert_eq!(summary.longest, *lengths.iter().max().unwrap());
    // Three answers of a letter and the end, and of the text all tokens but the first.
    assert_eq!(summary.learned, 3 * 2 + lengths[2] - 1);
    assert_eq!(summary.padding(), 1.0 - summary.tokens as f64 / 100.0);
    let lines = summary.lines();
    assert_eq!(lines[0], "conversations             2");
    assert_eq!(lines[1], "turns                     6  3 answers");
    assert_eq!(lines[2], "pieces of text            1");
    assert!(lines[6].starts_with("rows of 100               1  "), "{}", lines[6]);

    let huge = usize::MAX / 2;
    let most = Summary {
        conversations: 9_999_999,
        messages: 99_999_999,
        answers: 99_999_999,
        tokens: 9_999_999_999,
        learned: 9_999_999_999,
        rows: 99_999_999,
        block_size: 131_072,
        batches: 99_999_999,
        longest: 131_072,
        pieces: 0,
    };
    assert!(most.lines().iter().all(|line| line.chars().count() <= 60), "{:#?}", most.lines());
    let _ = Summary { rows: 0, tokens: huge, ..most }.lines();
}
