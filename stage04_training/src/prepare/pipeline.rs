//! One reader, many workers, one writer: all cores work, and the result does not depend on their
//! number.
//!
//! The reader reads the files in order and cuts them into jobs of about a megabyte. A worker that
//! has finished a job takes the next. The writer takes the results in the order of the jobs. So the
//! same inputs give the same bytes on any number of threads.
//!
//! Memory is bounded by two rules:
//!
//! 1. Each job has an estimate of its memory, and the reader waits until the estimates of all jobs
//!    fit into a budget (`Budget`).
//! 2. A job sends its result in chunks through a bounded channel. The worker of a small archive
//!    with huge content blocks on the full channel until the writer reaches its job.
//!
//! The job that the writer waits for always has a worker, and the writer empties its channel: so
//! there is no deadlock.

use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::Builder;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use serde::{Deserialize, Serialize};
use stage01_bigram::{Error, Result};

use super::decode::{self, LARGEST_WINDOW, USUAL_WINDOW};
use super::inputs::{Input, Source};
use super::kind::Format;
use super::refused_threads;
use super::split::SplitRule;
use super::texts::{Digest, Texts};
use super::walk::{Flow, Item, Walker};

/// The usual size of a job, in bytes of text.
const JOB: usize = 1 << 20;

/// The most items of a job, because documents can be short.
const JOB_ITEMS: usize = 1 << 12;

/// The memory budget of all jobs in progress, in bytes.
const BUDGET: u64 = 200 << 20;

/// A position in the inputs between two jobs, from which a run can continue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The number of the next job.
    pub job: u64,
    /// The file it begins in.
    pub file: usize,
    /// The number of items of that file before it.
    pub items: u64,
}

/// What the writer receives.
#[derive(Debug)]
pub enum Event<C> {
    /// A chunk of a job's result.
    Chunk(C),
    /// A job is finished; the next one begins here.
    Done(Position),
}

/// The inputs, and how to read them.
pub struct Pipeline<'a> {
    /// The files, in order.
    pub inputs: &'a [Input],
    /// The name of the field or column that has the text.
    pub field: &'a str,
    /// How files are read that are neither archives nor compressed.
    pub format: Format,
    /// The spelling that ends a document inside of a text.
    pub marker: Option<&'a str>,
    /// How documents are chosen.
    pub rule: SplitRule,
    /// The number of workers.
    pub threads: usize,
    /// Counts the bytes that were read from files.
    pub read: &'a AtomicU64,
}

/// Items that one worker processes.
struct Job {
    number: u64,
    items: Vec<Item>,
}

/// A message of a worker.
enum Message<C> {
    Chunk(C),
    End,
}

/// A job in progress, for the writer.
struct Ordered<'b, C> {
    chunks: Receiver<Message<C>>,
    after: Position,
    _held: Held<'b>,
}

impl Pipeline<'_> {
    /// The size of all files in bytes.
    pub fn bytes(&self) -> u64 {
        self.inputs.iter().map(|input| input.bytes).sum()
    }

    // ANCHOR: run
    /// Reads everything from `start` on. `digest` creates the [`Digest`] of the job of a number;
    /// `take` gets the results in order, and may end the run early.
    ///
    /// # Errors
    /// Those of `take`; [`Error::Setting`] when the operating system refuses more threads;
    /// [`Error::Text`] when the file of `start` has fewer items than `start` says.
    pub fn run<D: Digest>(
        &self,
        start: Position,
        digest: impl Fn(u64) -> D + Sync,
        mut take: impl FnMut(Event<D::Chunk>) -> Result<Flow>,
    ) -> Result<()> {
        let budget = Budget::new(BUDGET);
        let missed = AtomicBool::new(false);
        let refused = |error| refused_threads(self.threads, &error);
        std::thread::scope(|scope| {
            let (to_workers, jobs) = unbounded::<(Job, Sender<Message<D::Chunk>>)>();
            let (to_writer, ordered) = unbounded::<Ordered<'_, D::Chunk>>();
            for _ in 0..self.threads {
                let (jobs, digest) = (jobs.clone(), &digest);
                let work = move || {
                    for (job, results) in jobs {
                        self.work(job, digest, &results);
                    }
                };
                // After a refusal no job is sent, and the started threads end.
                Builder::new().spawn_scoped(scope, work).map_err(refused)?;
            }
            drop(jobs);
            let (budget, missed) = (&budget, &missed);
            let read = move || {
                let found = self.read(start, &mut |job, after| {
                    let (weight, capacity) = job.weight();
                    let Some(held) = budget.take(weight) else { return ControlFlow::Break(()) };
                    let (results, chunks) = bounded(capacity);
                    // Sending fails after the writer has ended the run.
                    let sent = to_writer.send(Ordered { chunks, after, _held: held }).is_ok()
                        && to_workers.send((job, results)).is_ok();
                    if sent { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                });
                missed.store(!found, Ordering::Relaxed);
            };
            Builder::new().spawn_scoped(scope, read).map_err(refused)?;
            let written = (|| {
                for Ordered { chunks, after, _held } in &ordered {
                    loop {
                        match chunks.recv() {
                            Ok(Message::Chunk(chunk)) => {
                                if take(Event::Chunk(chunk))?.is_break() {
                                    return Ok(());
                                }
                            }
                            Ok(Message::End) => break,
                            Err(_) => return Ok(()), // a worker panicked: the scope passes it on
                        }
                    }
                    if take(Event::Done(after))?.is_break() {
                        return Ok(());
                    }
                }
                Ok(())
            })();
            // Dropping the receivers stops the remaining workers.
            drop(ordered);
            budget.close();
            written
        })?;
        match self.inputs.get(start.file).filter(|_| missed.into_inner()) {
            None => Ok(()),
            Some(input) => Err(Error::text(
                &*input.name,
                "it has fewer documents than an interrupted run has read of it",
                "start over with --restart",
            )),
        }
    }
    // ANCHOR_END: run

    /// Processes one job, on a worker.
    fn work<D: Digest>(
        &self,
        job: Job,
        digest: &impl Fn(u64) -> D,
        results: &Sender<Message<D::Chunk>>,
    ) {
        let mut send = |chunk| match results.send(Message::Chunk(chunk)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        };
        let mut texts = Texts {
            digest: digest(job.number),
            field: self.field,
            format: self.format,
            marker: self.marker,
            rule: self.rule,
            send: &mut send,
        };
        let whole = job.items.into_iter().try_for_each(|item| texts.item(item));
        let rest = texts.digest.rest();
        if whole.is_continue() && send(rest).is_continue() {
            // If the receiver is dropped, the result is not needed.
            let _ = results.send(Message::End);
        }
    }

    /// Reads all files from a position on and cuts them into jobs, on the reader. Returns whether
    /// the position exists.
    fn read(&self, start: Position, send: &mut dyn FnMut(Job, Position) -> Flow) -> bool {
        let mut batch = Batch { items: Vec::new(), bytes: 0, at: start, skip: start.items, send };
        batch.at.items = 0;
        for (number, input) in self.inputs.iter().enumerate().skip(start.file) {
            batch.at.file = number;
            batch.at.items = 0;
            if self.file(input, &mut |item| batch.push(item)).is_break() {
                return true;
            }
            if batch.at.items < batch.skip {
                return false;
            }
            batch.skip = 0;
        }
        batch.at.file = self.inputs.len();
        batch.at.items = 0;
        let _ = batch.flush();
        true
    }

    fn file(&self, input: &Input, emit: &mut dyn FnMut(Item) -> Flow) -> Flow {
        let (rule, format, marker) = (self.rule, self.format, self.marker);
        let mut walker = Walker { emit, marker, rule, format, hand_out: true };
        match &input.source {
            Source::File { path, named } => {
                let file = match input.open(path) {
                    Ok(file) => file,
                    Err(fault) => return (walker.emit)(Item::Fault { fault, open: None }),
                };
                // Only the size found at the start: another program may append without end.
                let counted = Counted { file: &file, read: self.read }.take(input.bytes);
                let source = BufReader::with_capacity(1 << 17, counted);
                walker.file(path, Box::new(source), input.bytes, *named)?;
                match input.check(&file) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(fault) => (walker.emit)(Item::Fault { fault, open: None }),
                }
            }
            Source::BuiltIn(text) => {
                self.read.fetch_add(text.len() as u64, Ordering::Relaxed);
                walker.document(&input.name, Box::new(Cursor::new(text.as_bytes())))
            }
        }
    }
}

/// A job that is being filled.
struct Batch<'s> {
    items: Vec<Item>,
    bytes: usize,
    /// The position of the next item.
    at: Position,
    /// The number of items of this file that an earlier run processed.
    skip: u64,
    send: &'s mut dyn FnMut(Job, Position) -> Flow,
}

impl Batch<'_> {
    fn push(&mut self, item: Item) -> Flow {
        if self.at.items >= self.skip {
            // A compressed item is a job of its own.
            let own_job = item.is_packed();
            if own_job {
                self.flush()?;
            }
            self.bytes += item.bytes();
            self.items.push(item);
            self.at.items += 1;
            if own_job || self.bytes >= JOB || self.items.len() >= JOB_ITEMS {
                self.flush()?;
            }
        } else {
            self.at.items += 1;
        }
        ControlFlow::Continue(())
    }

    fn flush(&mut self) -> Flow {
        if self.items.is_empty() {
            return ControlFlow::Continue(());
        }
        let job = Job { number: self.at.job, items: std::mem::take(&mut self.items) };
        self.bytes = 0;
        self.at.job += 1;
        (self.send)(job, self.at)
    }
}

impl Job {
    /// An estimate of the memory of the job in bytes, and the capacity of its channel in chunks.
    fn weight(&self) -> (u64, usize) {
        let bytes: u64 = self.items.iter().map(|item| item.bytes() as u64).sum();
        // Text is rarely compressed by more than a factor of six; its tokens take half of its size.
        let capacity = (2 + ((6 * bytes) >> 21)).min(16);
        match &self.items[..] {
            // The compressed bytes, the text, the channel, and the window of the decoder.
            [Item::Whole { bytes: packed, .. }] => {
                let window = decode::window(packed).clamp(USUAL_WINDOW, LARGEST_WINDOW);
                (bytes + 6 * bytes + (capacity << 20) + window, capacity as usize)
            }
            // Pages are read one by one.
            #[cfg(feature = "parquet")]
            [Item::Rows { .. }] => ((capacity + 16) << 20, capacity as usize),
            // The text, its tokens as u32, and the bytes for the shard.
            _ => (4 * bytes + (64 << 10), 8),
        }
    }
}

/// The memory budget of the jobs in progress.
struct Budget {
    capacity: u64,
    /// The bytes that are reserved; `None` after [`Budget::close`].
    taken: Mutex<Option<u64>>,
    given_back: Condvar,
}

impl Budget {
    fn new(capacity: u64) -> Self {
        Budget { capacity, taken: Mutex::new(Some(0)), given_back: Condvar::new() }
    }

    // ANCHOR: budget
    /// Reserves memory, and waits until it is available. A job that exceeds the whole budget waits
    /// until no other is in progress. `None` after [`Budget::close`].
    fn take(&self, weight: u64) -> Option<Held<'_>> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |taken: &mut Option<u64>| {
            taken.is_some_and(|taken| taken > 0 && taken + weight > self.capacity)
        };
        let mut taken =
            self.given_back.wait_while(taken, full).unwrap_or_else(PoisonError::into_inner);
        *taken = Some((*taken)? + weight);
        Some(Held { budget: self, weight })
    }
    // ANCHOR_END: budget

    fn close(&self) {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.given_back.notify_all();
    }
}

/// A reservation, released when it is dropped.
struct Held<'b> {
    budget: &'b Budget,
    weight: u64,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut taken = self.budget.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = taken.as_mut() {
            *taken -= self.weight;
        }
        self.budget.given_back.notify_all();
    }
}

/// A file that counts what is read from it.
struct Counted<'a> {
    file: &'a File,
    read: &'a AtomicU64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
