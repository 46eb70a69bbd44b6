//! Scans the whole text before it is encoded.
//!
//! Some facts depend on all of the text: its characters, the start of its last tenth, the sample to
//! train a vocabulary on. A scan reads everything once and keeps little of it.
//!
//! A vocabulary trained on some tens of megabytes is as good as one trained on the whole corpus, if
//! the sample comes from all parts of it. The sample consists of the segments with the smallest
//! hashes. So no file and no position is preferred, and the choice depends only on the text.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::encode::Tail;
use super::fault::Fault;
use super::split::SplitAssignment;
use super::texts::{Digest, Note, Text};

/// The size of the sample to train a vocabulary on, in bytes.
pub const ENOUGH: usize = 32 << 20;

/// The results that a scan must give.
#[derive(Debug, Default)]
pub struct Wanted {
    /// The set of characters.
    pub characters: bool,
    /// The sample to train a vocabulary on.
    pub sample: bool,
    /// Whether the end of the whole text is held out, whatever the assignment of its documents.
    pub tail: bool,
    /// Segments with a larger hash cannot be chosen any more.
    limit: Limit,
}

impl Wanted {
    /// A scan with these results.
    pub fn new(characters: bool, sample: bool, tail: bool) -> Self {
        Wanted { characters, sample, tail, ..Wanted::default() }
    }

    /// Whether no scan is needed.
    pub fn is_nothing(&self) -> bool {
        !(self.characters || self.sample || self.tail)
    }
}

/// An upper bound of hashes; starts at the maximum.
#[derive(Debug)]
struct Limit(AtomicU64);

impl Default for Limit {
    fn default() -> Self {
        Limit(AtomicU64::new(u64::MAX))
    }
}

/// The size of a chunk of results, in bytes of segments: a compressed file may hold much text.
const CHUNK: usize = 1 << 20;

/// A chunk of the results of one job.
#[derive(Debug, Default)]
pub struct Found {
    job: u64,
    characters: u64,
    /// The first fault.
    fault: Option<Fault>,
    present: Option<Characters>,
    segments: Vec<Candidate>,
}

impl Found {
    /// The first fault.
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }
}

/// A set of characters, as a bit set over all code points.
#[derive(Clone, Debug)]
struct Characters(Vec<u64>);

impl Characters {
    fn new() -> Self {
        Characters(vec![0; (char::MAX as usize + 1).div_ceil(64)])
    }

    fn insert(&mut self, c: char) {
        self.0[c as usize / 64] |= 1 << (c as usize % 64);
    }

    fn iter(&self) -> impl Iterator<Item = char> {
        let all = 0..=char::MAX as u32;
        all.filter(|&c| self.0[c as usize / 64] >> (c % 64) & 1 == 1).filter_map(char::from_u32)
    }
}

/// A segment that may become part of the sample.
#[derive(Debug, PartialEq, Eq)]
struct Candidate {
    hash: u64,
    /// Its position: the job, and the number of characters of the job before it.
    place: (u64, u64),
    first: bool,
    text: String,
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.hash, self.place).cmp(&(other.hash, other.place))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Scans the texts of one job.
pub struct Scanner<'a> {
    wanted: &'a Wanted,
    job: u64,
    /// The number of characters of the job so far.
    before: u64,
    present: Option<Characters>,
    /// The bytes of the segments in the present chunk.
    waiting: usize,
    found: Found,
}

impl<'a> Scanner<'a> {
    /// A scanner of the job of this number.
    pub fn new(wanted: &'a Wanted, job: u64) -> Self {
        let present = wanted.characters.then(Characters::new);
        let found = Found { job, ..Found::default() };
        Scanner { wanted, job, before: 0, present, waiting: 0, found }
    }
}

impl Digest for Scanner<'_> {
    type Chunk = Found;

    fn text(&mut self, text: Text<'_>) -> Result<(), Fault> {
        let Text { text, first, assignment, .. } = text;
        if let Some(present) = &mut self.present {
            text.chars().for_each(|c| present.insert(c));
        }
        if self.wanted.sample && (self.wanted.tail || assignment == SplitAssignment::Train) {
            let hash = xxh3_64_with_seed(text.as_bytes(), 3);
            if hash <= self.wanted.limit.0.load(Relaxed) {
                let place = (self.job, self.before);
                self.waiting += text.len();
                self.found.segments.push(Candidate { hash, place, first, text: text.into() });
            }
        }
        let characters = text.chars().count() as u64;
        self.before += characters;
        self.found.characters += characters;
        Ok(())
    }

    fn end(&mut self, _: SplitAssignment) {}

    fn note(&mut self, note: Note) {
        // All notes come again when the text is encoded, and are handled there. But a fault may be
        // the reason why there is no text.
        if let Note::Fault(fault) = note {
            self.found.fault.get_or_insert(fault);
        }
    }

    fn full(&mut self) -> Option<Found> {
        (self.waiting >= CHUNK).then(|| self.take())
    }

    fn rest(&mut self) -> Found {
        Found { present: self.present.take(), ..self.take() }
    }
}

impl Scanner<'_> {
    fn take(&mut self) -> Found {
        self.waiting = 0;
        std::mem::replace(&mut self.found, Found { job: self.job, ..Found::default() })
    }
}

/// The results of all jobs.
#[derive(Debug)]
pub struct Summary<'a> {
    wanted: &'a Wanted,
    /// The number of characters of each job.
    jobs: Vec<u64>,
    present: Characters,
    /// The first fault.
    fault: Option<Fault>,
    chosen: BinaryHeap<Candidate>,
    /// The bytes of the chosen segments.
    bytes: usize,
    enough: usize,
}

impl<'a> Summary<'a> {
    /// An empty summary.
    pub fn new(wanted: &'a Wanted) -> Self {
        Self::with(wanted, ENOUGH)
    }

    fn with(wanted: &'a Wanted, enough: usize) -> Self {
        let present = Characters::new();
        let (jobs, chosen) = (Vec::new(), BinaryHeap::new());
        Summary { wanted, jobs, present, fault: None, chosen, bytes: 0, enough }
    }

    /// Adds the next chunk of results.
    pub fn add(&mut self, found: Found) {
        self.jobs.resize(found.job as usize + 1, 0);
        self.jobs[found.job as usize] += found.characters;
        if self.fault.is_none() {
            self.fault = found.fault;
        }
        if let Some(present) = found.present {
            self.present.0.iter_mut().zip(present.0).for_each(|(all, job)| *all |= job);
        }
        for candidate in found.segments {
            self.bytes += candidate.text.len();
            self.chosen.push(candidate);
            // Removes the largest hash, as long as enough remains without it.
            while let Some(largest) = self.chosen.peek()
                && self.bytes - largest.text.len() >= self.enough
            {
                self.bytes -= largest.text.len();
                self.chosen.pop();
            }
        }
        if self.bytes >= self.enough
            && let Some(largest) = self.chosen.peek()
        {
            self.wanted.limit.0.store(largest.hash, Relaxed);
        }
    }

    /// The first fault.
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// The number of characters of all jobs.
    pub fn characters(&self) -> u64 {
        self.jobs.iter().sum()
    }

    /// The start of the last `fraction` of the whole text: after ⌊n · (1 - fraction)⌋ of its n
    /// characters, as in stage 1.
    pub fn tail(&self, fraction: f64) -> Tail {
        let mut before = (self.characters() as f64 * (1.0 - fraction)) as u64;
        for (job, &characters) in self.jobs.iter().enumerate() {
            if before < characters {
                return Tail { job: job as u64, characters: before };
            }
            before -= characters;
        }
        Tail { job: self.jobs.len() as u64, characters: 0 }
    }

    /// All characters, in the order of their numbers.
    pub fn all_characters(&self) -> String {
        self.present.iter().collect()
    }

    /// The sample to train a vocabulary on: the chosen segments in their order in the text, without
    /// the text after `tail`.
    pub fn training_text(self, tail: Option<Tail>) -> String {
        let mut chosen = self.chosen.into_vec();
        chosen.sort_by_key(|candidate| candidate.place);
        let mut text = String::with_capacity(self.bytes + chosen.len());
        let mut expected = (0, 0);
        for mut candidate in chosen {
            let (job, before) = candidate.place;
            if let Some(tail) = tail {
                let before_tail = match job.cmp(&tail.job) {
                    Ordering::Less => u64::MAX,
                    Ordering::Equal => tail.characters.saturating_sub(before),
                    Ordering::Greater => 0,
                };
                if let Some((at, _)) = candidate.text.char_indices().nth(before_tail as usize) {
                    candidate.text.truncate(at);
                }
            }
            // A gap must not join two words. The first segment of a job follows the last one of the
            // job before.
            let follows = candidate.place == expected;
            if (candidate.first || !follows) && !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            text.push_str(&candidate.text);
            let end = before + candidate.text.chars().count() as u64;
            expected = match self.jobs.get(job as usize) {
                Some(&characters) if end == characters => (job + 1, 0),
                _ => (job, end),
            };
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::texts::Place;
    use super::*;
    use proptest::prelude::*;

    fn scan(wanted: &Wanted, job: u64, texts: &[(&str, bool)]) -> Found {
        let mut scanner = Scanner::new(wanted, job);
        for &(text, first) in texts {
            let place = Place { origin: "x", line: 1, column: None };
            scanner
                .text(Text { text, first, last: true, assignment: SplitAssignment::Train, place })
                .unwrap();
        }
        scanner.rest()
    }

    #[test]
    fn characters_and_the_tail_are_found() {
        let wanted = Wanted { characters: true, sample: true, tail: true, ..Wanted::default() };
        let mut summary = Summary::new(&wanted);
        summary.add(scan(&wanted, 0, &[("añb", true), ("語", false)]));
        summary.add(scan(&wanted, 1, &[(" z", false), ("next", true)]));
        assert_eq!(summary.all_characters(), " abentxzñ語");
        assert_eq!(summary.characters(), 10);
        assert_eq!(summary.tail(0.5), Tail { job: 1, characters: 1 });
        assert_eq!(summary.tail(0.6), Tail { job: 1, characters: 0 });
        assert_eq!(summary.tail(1.0), Tail { job: 0, characters: 0 });
        assert_eq!(summary.tail(0.0), Tail { job: 2, characters: 0 });
        assert_eq!(summary.training_text(Some(Tail { job: 1, characters: 3 })), "añb語 z\nn");
    }

    #[test]
    fn the_results_of_a_long_job_come_in_chunks() {
        let wanted = Wanted { characters: true, sample: true, tail: true, ..Wanted::default() };
        let text = "so many words ".repeat(CHUNK / 30);
        let place = Place { origin: "x", line: 1, column: None };
        let (mut chunked, mut whole) = (Summary::new(&wanted), Summary::new(&wanted));
        let mut scanner = Scanner::new(&wanted, 0);
        let mut count = 0;
        for first in [true, false, false, false, false] {
            scanner
                .text(Text {
                    text: &text,
                    first,
                    last: false,
                    assignment: SplitAssignment::Train,
                    place,
                })
                .unwrap();
            if let Some(found) = scanner.full() {
                chunked.add(found);
                count += 1;
            }
        }
        chunked.add(scanner.rest());
        assert_eq!(count, 1);
        let texts: Vec<_> = (0..5).map(|n| (text.as_str(), n == 0)).collect();
        whole.add(scan(&wanted, 0, &texts));
        assert_eq!(chunked.characters(), whole.characters());
        assert_eq!(chunked.all_characters(), whole.all_characters());
        assert_eq!(chunked.tail(0.3), whole.tail(0.3));
        assert!(chunked.training_text(None) == whole.training_text(None));
    }

    proptest! {
        #[test]
        fn the_sample_does_not_depend_on_the_jobs(
            texts in prop::collection::vec("[a-z]{1,20}", 1..40), enough in 1usize..200, per_job in 1usize..7,
        ) {
            let choose = |per_job: usize| {
                let wanted = Wanted { sample: true, ..Wanted::default() };
                let mut summary = Summary::with(&wanted, enough);
                for (job, texts) in texts.chunks(per_job).enumerate() {
                    let texts: Vec<_> = texts.iter().map(|t| (t.as_str(), true)).collect();
                    summary.add(scan(&wanted, job as u64, &texts));
                }
                let bytes = summary.bytes;
                (summary.training_text(None), bytes)
            };
            let (text, bytes) = choose(per_job);
            prop_assert_eq!(&text, &choose(1).0);
            let all: usize = texts.iter().map(String::len).sum();
            prop_assert!(bytes >= enough.min(all) && bytes < enough + 20);
        }
    }
}
