//! One reader, many workers, one writer: all cores are busy, and nothing depends on their number.
//!
//! The reader walks through the files in order and cuts them into jobs of about a megabyte. The
//! workers take jobs as they come: a worker that is done takes the next. The writer takes the
//! results in the order of the jobs, whichever finished first. So the same inputs give the same
//! bytes on any number of threads.
//!
//! Memory stays small whatever happens, by two rules:
//!
//! 1. Each job says how much memory it may take, and the reader waits before it sends one for
//!    which there is no room (`Budget`).
//! 2. A job hands over its result in pieces, through a channel that holds few. A small archive
//!    that turns out to be huge waits for its turn with the channel full, and then passes through.
//!
//! The job whose turn it is always has a worker, and the writer empties its
//! channel: so there is always progress.

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

/// The most items of a job: documents can be short.
const JOB_ITEMS: usize = 1 << 12;

/// How much memory all jobs that are under way may take, in bytes.
const BUDGET: u64 = 200 << 20;

/// A place in the inputs between two jobs: all that is needed to go on from there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The number of the next job.
    pub job: u64,
    /// The file it begins in.
    pub file: usize,
    /// How many items of that file come before it.
    pub items: u64,
}

/// What the writer sees.
#[derive(Debug)]
pub enum Event<C> {
    /// A piece of a job's result.
    Chunk(C),
    /// A job is done; the next one begins here.
    Done(Position),
}

/// What to read, and how.
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
    /// How many workers there are.
    pub threads: usize,
    /// Counts the bytes that were read from files.
    pub read: &'a AtomicU64,
}

/// Some items that are worked on together.
struct Job {
    number: u64,
    items: Vec<Item>,
}

/// What a worker sends.
enum Message<C> {
    Chunk(C),
    End,
}

/// A job that is under way, as the writer knows it.
struct Ordered<'b, C> {
    chunks: Receiver<Message<C>>,
    after: Position,
    _held: Held<'b>,
}

impl Pipeline<'_> {
    /// The sizes of all files, summed, in bytes.
    pub fn bytes(&self) -> u64 {
        self.inputs.iter().map(|input| input.bytes).sum()
    }

    // ANCHOR: run
    /// Reads everything from `start` on. `digest` makes what takes the texts of the job of a
    /// number; `take` gets the results in order, and may end the run early.
    ///
    /// # Errors
    /// Those of `take`; [`Error::Setting`] when the operating system gives no more threads;
    /// [`Error::Text`] when the file of `start` has fewer items than come before it.
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
                // After a refusal no job is sent, and the threads that were started end.
                Builder::new().spawn_scoped(scope, work).map_err(refused)?;
            }
            drop(jobs);
            let (budget, missed) = (&budget, &missed);
            let read = move || {
                let found = self.read(start, &mut |job, after| {
                    let (weight, pieces) = job.weight();
                    let Some(held) = budget.take(weight) else { return ControlFlow::Break(()) };
                    let (results, chunks) = bounded(pieces);
                    // The writer has gone when it wants no more.
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
            // However it ended: dropping the receivers stops the remaining workers.
            drop(ordered);
            budget.close();
            written
        })?;
        match self.inputs.get(start.file).filter(|_| missed.into_inner()) {
            None => Ok(()),
            Some(input) => Err(Error::text(
                &*input.name,
                "it has fewer documents than an interrupted run has read of it",
                "begin again with --restart",
            )),
        }
    }
    // ANCHOR_END: run

    /// A worker's part: one job.
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
            // The receiver may be gone: then the result is not needed.
            let _ = results.send(Message::End);
        }
    }

    /// The reader's part: all files from a position on, cut into jobs. Whether there was such a
    /// position.
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
                // What is appended in the meantime has no end, perhaps.
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

/// A job in the making.
struct Batch<'s> {
    items: Vec<Item>,
    bytes: usize,
    /// Where the next item stands.
    at: Position,
    /// How many items of this file were worked on in an earlier run.
    skip: u64,
    send: &'s mut dyn FnMut(Job, Position) -> Flow,
}

impl Batch<'_> {
    fn push(&mut self, item: Item) -> Flow {
        if self.at.items >= self.skip {
            // What is opened or unpacked by a worker is a job of its own.
            let alone = item.is_packed();
            if alone {
                self.flush()?;
            }
            self.bytes += item.bytes();
            self.items.push(item);
            self.at.items += 1;
            if alone || self.bytes >= JOB || self.items.len() >= JOB_ITEMS {
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
    /// About how much memory it takes while it is under way, in bytes, and how many pieces of
    /// its result may wait.
    fn weight(&self) -> (u64, usize) {
        let bytes: u64 = self.items.iter().map(|item| item.bytes() as u64).sum();
        // Text is seldom packed better than one to six; its tokens are half of that.
        let pieces = (2 + ((6 * bytes) >> 21)).min(16);
        match &self.items[..] {
            // What is packed, what a decoder remembers of what it has unpacked, and the tokens.
            [Item::Whole { bytes: packed, .. }] => {
                let window = decode::window(packed).clamp(USUAL_WINDOW, LARGEST_WINDOW);
                (bytes + 6 * bytes + (pieces << 20) + window, pieces as usize)
            }
            // Pages are read one by one.
            #[cfg(feature = "parquet")]
            [Item::Rows { .. }] => ((pieces + 16) << 20, pieces as usize),
            // The text, its tokens as numbers of 32 bits, and those of the shard.
            _ => (4 * bytes + (64 << 10), 8),
        }
    }
}

/// Room for jobs that are under way.
struct Budget {
    capacity: u64,
    /// How much of it is taken; `None` when nothing more will be given.
    taken: Mutex<Option<u64>>,
    given_back: Condvar,
}

impl Budget {
    fn new(capacity: u64) -> Self {
        Budget { capacity, taken: Mutex::new(Some(0)), given_back: Condvar::new() }
    }

    // ANCHOR: budget
    /// Takes room, waiting until there is some. What is larger than everything waits until it is
    /// alone. `None` after [`Budget::close`].
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

/// Room that is taken until this is dropped.
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
