//! A held-out part of the data, for validation.
//!
//! A model that was asked the same question in training is not tested by it. So examples whose first
//! question has the same words are a group, and a group is held out as a whole, or not at all. A hash
//! of group and seed gives the order in which groups are held out, so that new examples leave most of
//! the others where they were.
//!
//! A single text without any end-of-text token is one document, and cannot be divided so. There the
//! last pieces are held out, as `train` does it.

use std::collections::{BTreeMap, BTreeSet};

use stage01_bigram::{Error, Result};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::example::{Example, Origin};

/// Divides examples into those for training and those that are held out, each in their order.
///
/// fraction: about which part of the examples is held out, above 0 and below 1. At least one group is,
/// and at least one stays.
///
/// # Errors
/// [`Error::Setting`] for another fraction, and when there is only one group of examples.
pub fn hold_out(
    examples: Vec<Example>,
    fraction: f64,
    seed: u64,
) -> Result<(Vec<Example>, Vec<Example>)> {
    // Written this way round, NaN is refused as well.
    if !(fraction > 0.0 && fraction < 1.0) {
        let expected = "expected a number above 0 and below 1, such as 0.1";
        return Err(Error::setting("--held-out", fraction, expected));
    }
    let wanted = examples.len() as f64 * fraction;
    let mut sizes: BTreeMap<u64, usize> = BTreeMap::new();
    examples.iter().for_each(|example| *sizes.entry(example.prompt).or_default() += 1);
    if sizes.len() < 2 {
        let text = examples.first().is_some_and(|example| example.origin == Origin::Text);
        if !text || examples.len() < 2 {
            let expected = "the data has only one question or one short text, which cannot be \
                            divided; give more data, or a file of its own";
            return Err(Error::setting("--held-out", fraction, expected));
        }
        let mut train = examples;
        let held_out = (wanted.round() as usize).clamp(1, train.len() - 1);
        let held_out = train.split_off(train.len() - held_out);
        return Ok((train, held_out));
    }
    // ANCHOR: groups
    let mut groups: Vec<u64> = sizes.keys().copied().collect();
    groups.sort_by_key(|group| (xxh3_64_with_seed(&group.to_le_bytes(), seed), *group));
    groups.pop(); // one stays
    let mut held_out = BTreeSet::new();
    let mut count = 0;
    for group in groups {
        if count > 0 && count as f64 >= wanted {
            break;
        }
        held_out.insert(group);
        count += sizes[&group];
    }
    // ANCHOR_END: groups
    let (held_out, train) =
        examples.into_iter().partition(|example| held_out.contains(&example.prompt));
    Ok((train, held_out))
}

/// How many of the held-out examples have a first question that is in the training set as well: a
/// remark for the user whose held-out examples come from a file of their own.
pub fn shared_prompts(train: &[Example], held_out: &[Example]) -> usize {
    // The pieces of one text are of one group, too, but have no question.
    let asked = |example: &&Example| matches!(example.origin, Origin::Conversation { .. });
    let known: BTreeSet<u64> = train.iter().filter(asked).map(|example| example.prompt).collect();
    held_out.iter().filter(asked).filter(|example| known.contains(&example.prompt)).count()
}
