//! Assigns documents to training or validation by a hash of their text.
//!
//! So the assignment does not depend on the order of the files, on their names, or on the other
//! inputs; two copies of a text are in the same set, so that the validation text stays unseen; and
//! when text is added, no document changes its set.
//!
//! Two hashes are needed: if one number chose both the sample and the validation set, a sample of
//! one per cent would be entirely validation.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::cut::SEGMENT;
use super::cut::cut_at;

/// The part of the data that a document is assigned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitAssignment {
    /// The training set.
    Train,
    /// The validation set.
    Validation,
    /// Neither: `--sample` leaves it out.
    NotSampled,
}

/// The rule that assigns documents to the parts of the data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SplitRule {
    /// The fraction of documents to use.
    pub sample: f64,
    /// The fraction of documents in the validation set; 0 if it is the end of the whole text.
    pub validation: f64,
}

impl SplitRule {
    // ANCHOR: assign
    /// Assigns a document. For a long one the first segment decides, of up to [`SEGMENT`] bytes,
    /// because the assignment is needed before the end is read.
    pub fn assign(&self, document: &[u8]) -> SplitAssignment {
        let begin = match document.len() > SEGMENT {
            true => &document[..cut_at(document).unwrap_or(document.len())],
            false => document,
        };
        if unit(xxh3_64_with_seed(begin, 1)) >= self.sample {
            SplitAssignment::NotSampled
        } else if unit(xxh3_64_with_seed(begin, 2)) < self.validation {
            SplitAssignment::Validation
        } else {
            SplitAssignment::Train
        }
    }
    // ANCHOR_END: assign
}

/// A hash as a number of at least 0 and below 1.
fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of each assignment among 10,000 documents.
    fn counts(rule: SplitRule) -> [usize; 3] {
        let mut counts = [0; 3];
        for n in 0..10_000 {
            counts[rule.assign(format!("text number {n}").as_bytes()) as usize] += 1;
        }
        counts
    }

    #[test]
    fn the_fractions_are_met_and_are_independent() {
        assert_eq!(counts(SplitRule { sample: 1.0, validation: 0.0 }), [10_000, 0, 0]);
        assert_eq!(counts(SplitRule { sample: 1.0, validation: 1.0 }), [0, 10_000, 0]);
        let [train, validation, rest] = counts(SplitRule { sample: 0.2, validation: 0.3 });
        assert!((1300..1500).contains(&train), "{train}");
        assert!((500..700).contains(&validation), "{validation}");
        assert!((7850..8150).contains(&rest), "{rest}");
    }

    #[test]
    fn a_larger_sample_contains_a_smaller_one_with_the_same_assignments() {
        let small = SplitRule { sample: 0.1, validation: 0.3 };
        let large = SplitRule { sample: 0.5, validation: 0.3 };
        for n in 0..2000 {
            let text = format!("text {n}");
            let assignment = small.assign(text.as_bytes());
            assert!(
                assignment == SplitAssignment::NotSampled
                    || assignment == large.assign(text.as_bytes())
            );
        }
    }

    #[test]
    fn the_beginning_of_a_long_document_decides() {
        let rule = SplitRule { sample: 1.0, validation: 0.5 };
        let begin = "so long ".repeat(SEGMENT / 4);
        let assignments: Vec<SplitAssignment> =
            (0..20).map(|n| rule.assign(format!("{n} {begin} end {n}").as_bytes())).collect();
        let again: Vec<SplitAssignment> =
            (0..20).map(|n| rule.assign(format!("{n} {begin} other").as_bytes())).collect();
        assert_eq!(assignments, again);
        assert!(
            assignments.contains(&SplitAssignment::Train)
                && assignments.contains(&SplitAssignment::Validation)
        );
    }

    #[test]
    fn the_assignment_is_stable_across_versions() {
        // Data that was prepared years apart must agree on what is validation.
        let rule = SplitRule { sample: 0.9, validation: 0.3 };
        let assignments: Vec<SplitAssignment> =
            (0..8).map(|n| rule.assign(format!("text number {n}").as_bytes())).collect();
        use SplitAssignment::{NotSampled, Train, Validation};
        assert_eq!(assignments[..4], [Train; 4]);
        assert_eq!(assignments[4..], [NotSampled, Validation, Validation, Validation]);
    }
}
