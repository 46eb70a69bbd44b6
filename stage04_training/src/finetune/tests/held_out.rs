//! The held-out part of the data.

use proptest::prelude::*;

use super::super::{Example, Origin, TextEncoder, hold_out, shared_prompts};
use super::{plain, talk, with_end};

fn example(prompt: u64) -> Example {
    let origin = Origin::Conversation { messages: 2 };
    Example { tokens: vec![1, 2], answers: vec![1..2], prompt, question: String::new(), origin }
}

proptest! {
    #[test]
    fn the_same_question_is_not_on_both_sides(
        prompts in prop::collection::vec(0u64..12, 2..60), fraction in 0.01..0.99f64, seed: u64,
    ) {
        let examples: Vec<Example> = prompts.iter().map(|&prompt| example(prompt)).collect();
        let groups = prompts.iter().collect::<std::collections::BTreeSet<_>>().len();
        let Ok((train, held_out)) = hold_out(examples.clone(), fraction, seed) else {
            prop_assert_eq!(groups, 1);
            return Ok(());
        };
        prop_assert!(groups > 1 && !train.is_empty() && !held_out.is_empty());
        prop_assert_eq!(train.len() + held_out.len(), examples.len());
        prop_assert_eq!(shared_prompts(&train, &held_out), 0);
        // Not more than wanted, but for the last group, and not less if groups are left.
        let largest = (0..12).map(|g| prompts.iter().filter(|&&p| p == g).count()).max().unwrap();
        let wanted = fraction * examples.len() as f64;
        prop_assert!((held_out.len() as f64) < wanted + largest as f64);
        let left = train.iter().map(|e| e.prompt).collect::<std::collections::BTreeSet<_>>().len();
        prop_assert!(left == 1 || held_out.len() as f64 >= wanted);
        prop_assert_eq!(hold_out(examples, fraction, seed).unwrap(), (train, held_out));
    }
}

#[test]
fn another_seed_holds_out_others() {
    let examples: Vec<Example> = (0..50).map(example).collect();
    let held_out = |seed| hold_out(examples.clone(), 0.2, seed).unwrap().1;
    assert_eq!(held_out(1).len(), 10);
    assert_ne!(held_out(1), held_out(2));
}

#[test]
fn a_comma_makes_no_other_question() {
    let tokenizer = with_end();
    let encoder = plain(&tokenizer, 100);
    let prompt = |question: &str| encoder.encode(&talk(&[question, "x"])).unwrap().prompt;
    assert_eq!(prompt("What is it, then?"), prompt(" what is\nit then"));
    assert_ne!(prompt("What is it?"), prompt("What was it?"));
    assert_ne!(prompt("?"), prompt("!"));
}

#[test]
fn of_one_text_the_end_is_held_out() {
    let tokenizer = with_end();
    let examples = TextEncoder::new(&tokenizer, 5).encode(&"x y z ".repeat(20)).unwrap();
    let (train, held_out) = hold_out(examples.clone(), 0.1, 1).unwrap();
    assert_eq!([train, held_out.clone()].concat(), examples);
    assert_eq!(held_out.len(), (examples.len() as f64 * 0.1).round() as usize);
}

#[test]
fn what_cannot_be_divided_is_refused() {
    for fraction in [0.0, 1.0, f64::NAN] {
        assert!(hold_out(vec![example(1), example(2)], fraction, 1).is_err());
    }
    for examples in [vec![], vec![example(1)], vec![example(1); 5]] {
        let error = hold_out(examples, 0.5, 1).unwrap_err().to_string();
        assert!(error.contains("only one question"), "{error}");
    }
}
