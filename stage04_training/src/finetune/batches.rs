//! Batches of packed examples, addressed by their number.
//!
//! ```text
//! inputs      Q1 Q2 A1 A2 end | Q1 A1 end | pad pad pad
//! targets     -  A1 A2 end -  | A1 end -  | -   -   -
//! documents   5               | 3         | 3
//! ```
//!
//! A row has `block_size` tokens, and its documents say which of them may attend to each other. The
//! target of a position is the next token of its document if that is learned, and otherwise
//! [`IGNORED`]; so no target is in another document than its input. Padding is a document without
//! targets.
//!
//! An epoch has every example once. What batch n has depends on the examples, the sizes, the seed and n
//! alone: a run that is resumed at n gets the same bytes. Where the rows of an epoch are no multiple of
//! the batch size, rows of padding fill up the last batch.

use std::sync::{Arc, Mutex, PoisonError};

use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::{Error, Result};
use xxhash_rust::xxh3::Xxh3;

use super::IGNORED;
use super::example::Example;
use super::pack::pack;

/// Some rows for one step of the optimiser, or for one micro-batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// (batch_size, block_size), row after row.
    pub inputs: Vec<u32>,
    /// (batch_size, block_size); [`IGNORED`] where there is no loss.
    pub targets: Vec<u32>,
    /// The lengths of the documents of each row, which add up to block_size.
    pub documents: Vec<Vec<usize>>,
}

/// All batches of a run, epoch after epoch.
#[derive(Debug)]
pub struct Batches {
    examples: Vec<Example>,
    /// How many examples stay together in a row: one, or the two of a pair.
    group: usize,
    /// The length of each group.
    lengths: Vec<usize>,
    block_size: usize,
    batch_size: usize,
    seed: u64,
    padding: u32,
    rows: usize,
    /// The rows of one epoch: those of the batch that was asked for last.
    packed: Mutex<(u64, Arc<Vec<Vec<usize>>>)>,
}

impl Batches {
    /// Packs examples.
    ///
    /// padding: a token that fills up rows. It has no effect, and must be one of the vocabulary.
    ///
    /// # Errors
    /// [`Error::Setting`] for a batch size of 0, and for examples that are longer than `block_size`;
    /// [`Error::Text`] for no examples.
    pub fn new(
        examples: Vec<Example>,
        block_size: usize,
        batch_size: usize,
        seed: u64,
        padding: u32,
    ) -> Result<Batches> {
        Batches::grouped(examples, 1, block_size, batch_size, seed, padding)
    }

    /// The same rows in batches of another size.
    ///
    /// # Errors
    /// [`Error::Setting`] for a batch size of 0.
    pub fn with_batch_size(self, batch_size: usize) -> Result<Batches> {
        match batch_size {
            0 => Err(Error::setting("--batch-size", 0, "expected at least 1")),
            _ => Ok(Batches { batch_size, ..self }),
        }
    }

    /// [`Batches::new`] with `group` successive examples always beside each other in one row.
    ///
    /// # Errors
    /// As [`Batches::new`], for groups in place of examples.
    ///
    /// # Panics
    /// When the examples cannot be divided into groups.
    pub fn grouped(
        examples: Vec<Example>,
        group: usize,
        block_size: usize,
        batch_size: usize,
        seed: u64,
        padding: u32,
    ) -> Result<Batches> {
        if batch_size == 0 {
            return Err(Error::setting("--batch-size", 0, "expected at least 1"));
        }
        assert!(examples.len().is_multiple_of(group), "groups of {group}");
        let length = |group: &[Example]| group.iter().map(|example| example.tokens.len()).sum();
        let lengths: Vec<usize> = examples.chunks_exact(group).map(length).collect();
        let Some(&longest) = lengths.iter().max() else {
            return Err(Error::text("the data", "it has no examples", "give some"));
        };
        if longest > block_size {
            let what = if group == 1 { "example" } else { "pair" };
            let expected = format!("expected at least the length of the longest {what}, {longest}");
            return Err(Error::setting("--block-size", block_size, expected));
        }
        let first = pack(&lengths, block_size, &mut generator(seed, Purpose::Batch, 0));
        let rows = first.len();
        let packed = Mutex::new((0, Arc::new(first)));
        Ok(Batches {
            examples,
            group,
            lengths,
            block_size,
            batch_size,
            seed,
            padding,
            rows,
            packed,
        })
    }

    /// The examples, in the order in which they were given.
    pub fn examples(&self) -> &[Example] {
        &self.examples
    }

    /// How many rows an epoch has, without those that fill up its last batch.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many tokens a row has.
    pub fn block_size(&self) -> usize {
        self.block_size
    }

    /// How many batches an epoch has.
    pub fn per_epoch(&self) -> u64 {
        self.rows.div_ceil(self.batch_size) as u64
    }

    /// A hash of all that the batches depend on. A run that is resumed with another one would have
    /// other batches: another file, another seed, or a template that writes the date of today.
    pub fn fingerprint(&self) -> u64 {
        let mut hash = Xxh3::with_seed(self.seed);
        let mut add = |number: usize| hash.update(&(number as u64).to_le_bytes());
        [self.block_size, self.batch_size, self.examples.len()].into_iter().for_each(&mut add);
        for Example { tokens, answers, .. } in &self.examples {
            add(tokens.len());
            tokens.iter().for_each(|&token| add(token as usize));
            add(answers.len());
            answers.iter().flat_map(|answer| [answer.start, answer.end]).for_each(&mut add);
        }
        hash.digest()
    }

    // ANCHOR: at
    /// The batch of this number, from 0: number / [`per_epoch`](Batches::per_epoch) is its epoch.
    pub fn at(&self, number: u64) -> Batch {
        let (epoch, place) = (number / self.per_epoch(), number % self.per_epoch());
        let rows = self.rows_of(epoch);
        let cells = self.batch_size * self.block_size;
        let mut batch = Batch {
            inputs: Vec::with_capacity(cells),
            targets: Vec::with_capacity(cells),
            documents: Vec::with_capacity(self.batch_size),
        };
        let first = place as usize * self.batch_size;
        for row in first..first + self.batch_size {
            self.row(rows.get(row).map_or(&[], |row| &row[..]), &mut batch);
        }
        batch
    }

    /// Adds a row with these groups of examples.
    fn row(&self, groups: &[usize], batch: &mut Batch) {
        let mut documents = Vec::with_capacity(groups.len() * self.group + 1);
        let examples = |&group: &usize| &self.examples[group * self.group..][..self.group];
        for Example { tokens, answers, .. } in groups.iter().flat_map(examples) {
            let start = batch.targets.len();
            batch.inputs.extend(tokens);
            batch.targets.resize(batch.inputs.len(), IGNORED);
            for at in answers.iter().cloned().flatten().filter(|&at| at > 0) {
                batch.targets[start + at - 1] = tokens[at];
            }
            documents.push(tokens.len());
        }
        let padding = self.block_size - documents.iter().sum::<usize>();
        if padding > 0 {
            batch.inputs.resize(batch.inputs.len() + padding, self.padding);
            batch.targets.resize(batch.inputs.len(), IGNORED);
            documents.push(padding);
        }
        batch.documents.push(documents);
    }
    // ANCHOR_END: at

    /// The groups of examples in each row of the batch of this number.
    pub fn groups_of(&self, number: u64) -> Vec<Vec<usize>> {
        let (epoch, place) = (number / self.per_epoch(), number % self.per_epoch());
        let (rows, first) = (self.rows_of(epoch), place as usize * self.batch_size);
        let row = |row| rows.get(row).cloned().unwrap_or_default();
        (first..first + self.batch_size).map(row).collect()
    }

    /// The rows of an epoch, packed when another epoch was asked for last.
    fn rows_of(&self, epoch: u64) -> Arc<Vec<Vec<usize>>> {
        let mut packed = self.packed.lock().unwrap_or_else(PoisonError::into_inner);
        if packed.0 != epoch {
            let rng = &mut generator(self.seed, Purpose::Batch, epoch);
            *packed = (epoch, Arc::new(pack(&self.lengths, self.block_size, rng)));
        }
        packed.1.clone()
    }
}
