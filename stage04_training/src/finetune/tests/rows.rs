//! Rows and batches: nothing is lost, nothing comes twice, nothing leaks.

use std::ops::Range;

use proptest::prelude::*;
use stage01_bigram::Error;

use super::super::{Batch, Batches, Example, IGNORED, Origin};

/// Examples of tokens that are all different: the example, and the place in it.
fn examples(shapes: &[(usize, Vec<usize>)]) -> Vec<Example> {
    let example = |(number, (length, cuts)): (usize, &(usize, Vec<usize>))| {
        let tokens = (0..*length).map(|at| (1000 * (number + 1) + at) as u32).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (length + 1)).collect();
        cuts.sort_unstable();
        let answers = cuts.chunks_exact(2).map(|pair| pair[0]..pair[1]);
        let answers: Vec<Range<usize>> = answers.filter(|answer| !answer.is_empty()).collect();
        Example {
            tokens,
            answers,
            prompt: number as u64,
            question: String::new(),
            origin: Origin::Text,
        }
    };
    shapes.iter().enumerate().map(example).collect()
}

/// The documents of a batch: inputs and targets.
fn documents(batch: &Batch) -> Vec<(&[u32], &[u32])> {
    let mut at = 0;
    let mut all = Vec::new();
    for &length in batch.documents.iter().flatten() {
        all.push((&batch.inputs[at..at + length], &batch.targets[at..at + length]));
        at += length;
    }
    assert_eq!(at, batch.inputs.len());
    all
}

const PADDING: u32 = 7;

proptest! {
    #[test]
    fn an_epoch_has_every_example_and_every_answer_once(
        shapes in prop::collection::vec((1usize..=16, prop::collection::vec(0usize..17, 0..6)), 1..30),
        batch_size in 1usize..5, seed: u64, epoch in 0u64..1000,
    ) {
        let examples = examples(&shapes);
        let batches = Batches::new(examples.clone(), 16, batch_size, seed, PADDING).unwrap();
        let (mut found, mut learned) = (Vec::new(), Vec::new());
        for place in 0..batches.per_epoch() {
            let batch = batches.at(epoch * batches.per_epoch() + place);
            prop_assert_eq!(batch.inputs.len(), batch_size * 16);
            prop_assert_eq!(batch.targets.len(), batch_size * 16);
            prop_assert_eq!(batch.documents.len(), batch_size);
            for row in &batch.documents {
                prop_assert_eq!(row.iter().sum::<usize>(), 16);
                prop_assert!(row.iter().all(|&length| length > 0));
            }
            for (inputs, targets) in documents(&batch) {
                // The last token of a document has no target, and a target is the next input.
                prop_assert_eq!(*targets.last().unwrap(), IGNORED);
                for (at, &target) in targets.iter().enumerate().filter(|(_, t)| **t != IGNORED) {
                    prop_assert_eq!(target, inputs[at + 1]);
                    learned.push(target);
                }
                if inputs[0] == PADDING {
                    prop_assert!(inputs.iter().all(|&token| token == PADDING));
                } else {
                    found.push(inputs.to_vec());
                }
            }
        }
        found.sort();
        let expected: Vec<Vec<u32>> = examples.iter().map(|e| e.tokens.clone()).collect();
        prop_assert_eq!(found, expected);
        learned.sort_unstable();
        let answers = examples.iter().flat_map(|example| {
            let places = example.answers.iter().cloned().flatten().filter(|&at| at > 0);
            places.map(|at| example.tokens[at]).collect::<Vec<_>>()
        });
        let mut answers: Vec<u32> = answers.collect();
        answers.sort_unstable();
        prop_assert_eq!(learned.len(), examples.iter().map(Example::learned).sum::<usize>());
        prop_assert_eq!(learned, answers);
    }

    /// A run that is resumed at any batch goes on as if it had not stopped.
    #[test]
    fn a_batch_depends_on_its_number_alone(seed: u64, numbers in prop::collection::vec(0u64..40, 1..12)) {
        let shapes: Vec<(usize, Vec<usize>)> = (1..30).map(|n| (n % 9 + 1, vec![1, n])).collect();
        let made = || Batches::new(examples(&shapes), 16, 3, seed, PADDING).unwrap();
        let run = made();
        let all: Vec<Batch> = (0..40).map(|number| run.at(number)).collect();
        let resumed = made();
        for number in numbers {
            prop_assert_eq!(&resumed.at(number), &all[number as usize]);
        }
    }
}

#[test]
fn epochs_and_seeds_have_orders_of_their_own() {
    let shapes: Vec<(usize, Vec<usize>)> = (0..40).map(|_| (8, vec![1, 8])).collect();
    let of = |seed| Batches::new(examples(&shapes), 16, 4, seed, PADDING).unwrap();
    let batches = of(1);
    assert_eq!((batches.rows(), batches.per_epoch()), (20, 5));
    assert_ne!(batches.at(0), batches.at(5));
    assert_ne!(batches.at(0), of(2).at(0));
    assert_eq!(batches.at(u64::MAX).inputs.len(), 64);
}

#[test]
fn other_batches_have_another_fingerprint() {
    let of = |shapes: &[(usize, Vec<usize>)], block_size, batch_size, seed| {
        let batches = Batches::new(examples(shapes), block_size, batch_size, seed, PADDING);
        batches.unwrap().fingerprint()
    };
    let shapes = [(5, vec![1, 5]), (6, vec![2, 3])];
    let all = [
        of(&shapes, 8, 1, 1),
        of(&shapes, 9, 1, 1),
        of(&shapes, 8, 2, 1),
        of(&shapes, 8, 1, 1 << 40),
        of(&shapes[..1], 8, 1, 1),
        of(&[(5, vec![1, 5]), (7, vec![2, 3])], 8, 1, 1),
        of(&[(5, vec![1, 5]), (6, vec![2, 4])], 8, 1, 1),
    ];
    for (at, one) in all.iter().enumerate() {
        assert!(!all[..at].contains(one), "{at}");
    }
    assert_eq!(all[0], of(&shapes, 8, 1, 1));
}

#[test]
fn a_row_is_as_it_is_drawn() {
    let example = |tokens: &[u32], answers: &[Range<usize>]| Example {
        tokens: tokens.to_vec(),
        answers: answers.to_vec(),
        prompt: 0,
        question: String::new(),
        origin: Origin::Text,
    };
    let examples = vec![example(&[1, 2, 3, 4, 5], &[2..5]), example(&[6, 8, 9], &[1..3])];
    let batch = Batches::new(examples, 11, 1, 1, PADDING).unwrap().at(0);
    const I: u32 = IGNORED;
    assert_eq!(batch.inputs, [1, 2, 3, 4, 5, 6, 8, 9, 7, 7, 7]);
    assert_eq!(batch.targets, [I, 3, 4, 5, I, 8, 9, I, I, I, I]);
    assert_eq!(batch.documents, [[5, 3, 3]]);
}

#[test]
fn what_cannot_be_packed_is_refused() {
    let some = || examples(&[(5, vec![1, 5])]);
    let error = |result: Result<Batches, Error>| result.unwrap_err().to_string();
    assert!(error(Batches::new(some(), 4, 1, 1, 0)).contains("longest example, 5"));
    assert!(error(Batches::new(some(), 5, 0, 1, 0)).contains("--batch-size = 0"));
    assert!(error(Batches::new(vec![], 5, 1, 1, 0)).contains("no examples"));
}
