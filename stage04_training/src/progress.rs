//! What work that takes long says meanwhile. A library reports, a program shows it.
//!
//! ```
//! use stage04_training::progress::{Progress, Reporter, Silent};
//!
//! /// Adds up numbers, and says how far it is.
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

/// Takes what a long piece of work says.
pub trait Reporter {
    /// A fact: its name, of at most eleven letters, and what there is to say.
    fn fact(&self, name: &str, text: &str);

    /// A line that is shown as it is.
    fn line(&self, text: &str);

    /// A remark beside the result.
    fn note(&self, text: &str);

    /// A part of the work begins, of `total` bytes, of which `done` are done already. It ends
    /// when the returned value is dropped.
    fn begin<'a>(&'a self, name: &'static str, total: u64, done: u64) -> Box<dyn Progress + 'a>;
}

/// How far a part of the work is.
pub trait Progress {
    /// So many bytes are done. To be called whenever a result has come.
    fn update(&mut self, done: u64);
}

/// Says nothing.
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
