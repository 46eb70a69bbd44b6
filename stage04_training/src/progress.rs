//! Progress of long work: the library reports it, the program displays it.
//!
//! ```
//! use stage04_training::progress::{Progress, Reporter, Silent};
//!
//! /// Adds up numbers, and reports progress.
//! fn sum(numbers: &[u64], reporter: &dyn Reporter) -> u64 {
//!     let mut progress = reporter.begin("summed", numbers.len() as u64, 0);
//!     let mut sum = 0;
//!     for (done, number) in (1..).zip(numbers) {
//!         sum += number;
//!         progress.update(done);
//!     }
//!     sum
//! }
//!
//! assert_eq!(sum(&[1, 2, 3], &Silent), 6);
//! ```
//!
//! What this file leaves out: the screen of the program (`cli::progress`).

/// Takes the messages of long work.
pub trait Reporter {
    /// A fact: its name, of at most eleven letters, and its text.
    fn fact(&self, name: &str, text: &str);

    /// A line that is shown as it is.
    fn line(&self, text: &str);

    /// A remark beside the result.
    fn note(&self, text: &str);

    /// Starts a part of the work, of `total` bytes with `done` of them already done. It ends when
    /// the returned value is dropped.
    fn begin<'a>(&'a self, name: &'static str, total: u64, done: u64) -> Box<dyn Progress + 'a>;
}

/// The progress of a part of the work.
pub trait Progress {
    /// Reports the number of bytes done so far. To be called after each result.
    fn update(&mut self, done: u64);
}

/// Ignores all messages.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn fact(&self, _: &str, _: &str) {}

    fn line(&self, _: &str) {}

    fn note(&self, _: &str) {}

    fn begin<'a>(&'a self, _: &'static str, _: u64, _: u64) -> Box<dyn Progress + 'a> {
        Box::new(Silent)
    }
}

impl Progress for Silent {
    fn update(&mut self, _: u64) {}
}
