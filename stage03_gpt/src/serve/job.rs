//! What the connections and the thread of the model tell each other.
//!
//! A connection puts a [`Job`] into the queue and waits for its [`Event`]s. When the client goes
//! away, the receiver of the events is dropped; that is how the model learns it, before its next
//! token.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use super::error::ApiError;
use super::queue::{Queue, Waiting};
use super::request::{Prompt, Sampling};

/// A request that waits for its turn, or is being answered.
#[derive(Debug)]
pub struct Job {
    /// What is to be continued; one answer for each.
    pub prompts: Vec<Prompt>,
    /// How.
    pub sampling: Sampling,
    /// When the client's time is over.
    pub deadline: Instant,
    /// Where the events go. There are at most as many as tokens fit into the context, for each
    /// prompt, so a client that reads slowly does not stop the model.
    pub events: UnboundedSender<Event>,
}

impl Waiting for Job {
    fn has_left(&self) -> bool {
        self.events.is_closed()
    }
}

/// What happens to a job, in this order. After the last event the sender is dropped.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Its turn has come, and its prompts are right.
    Begun {
        /// The tokens of all prompts.
        prompt_tokens: usize,
    },
    /// Some text of an answer. Never empty.
    Text {
        /// Which prompt it continues.
        index: usize,
        /// The text.
        text: String,
    },
    /// An answer is complete.
    Ended {
        /// Which one.
        index: usize,
        /// Why.
        reason: FinishReason,
        /// The tokens that were sampled for it.
        completion_tokens: usize,
        /// The tokens of its prompt that were still in the KV cache.
        cached_tokens: usize,
    },
    /// There is no answer, or no more of it.
    Failed(ApiError),
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// The model ended it, or wrote a stop sequence.
    Stop,
    /// It reached the largest number of tokens, the end of the context or of its time, or the
    /// server was told to stop.
    Length,
}

impl FinishReason {
    /// Its name in OpenAI's interface.
    pub fn name(self) -> &'static str {
        match self {
            FinishReason::Stop => "stop",
            FinishReason::Length => "length",
        }
    }
}

/// The queue and what is counted: shared by the connections and the thread of the model.
#[derive(Debug)]
pub struct Desk {
    /// The jobs that wait.
    pub queue: Queue<Job>,
    /// When a running answer is cut, once the server was told to stop.
    pub cut: OnceLock<Instant>,
    running: AtomicBool,
    answered: AtomicU64,
    abandoned: AtomicU64,
    failed: AtomicU64,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of its answers were sent.
    Answered,
    /// The client has left.
    Abandoned,
    /// It was wrong, or its time was over.
    Failed,
}

impl Desk {
    /// A desk with a queue for at most `limit` jobs.
    pub fn new(limit: usize) -> Desk {
        Desk {
            queue: Queue::new(limit),
            cut: OnceLock::new(),
            running: AtomicBool::new(false),
            answered: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// Notes whether a job is running.
    pub fn set_running(&self, running: bool) {
        self.running.store(running, Ordering::SeqCst);
    }

    /// Counts a job that has ended.
    pub fn count(&self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Answered => &self.answered,
            Outcome::Abandoned => &self.abandoned,
            Outcome::Failed => &self.failed,
        };
        counter.fetch_add(1, Ordering::SeqCst);
    }

    /// The state, as `/health` says it.
    pub fn health(&self) -> Value {
        let (queued, left) = self.queue.count();
        json!({
            "status": if self.cut.get().is_some() { "stopping" } else { "ok" },
            "running": self.running.load(Ordering::SeqCst),
            "queued": queued,
            "answered": self.answered.load(Ordering::SeqCst),
            "abandoned": self.abandoned.load(Ordering::SeqCst) + left,
            "failed": self.failed.load(Ordering::SeqCst),
        })
    }
}
