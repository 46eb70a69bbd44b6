//! Many hands: work that is cut into pieces, one for each thread.
//!
//! Nothing is cut unless several threads stand ready: those of the thread pool a layer happens to
//! run in (`rayon`'s), unless it is told to work [`single_threaded`]. The trainer lets every thread work
//! alone on its part of the batch where a model is small, and all threads together where it is
//! wide. Where the pieces are cut depends on how many hands there are, never on which is fast.

mod heads;
mod pieces;
mod spin;
mod threads;
mod zip;

pub(crate) use heads::Heads;
pub use pieces::{each, min_len};
pub use spin::{join, spinning};
pub use threads::{
    FETCHED, rows_per_thread, single_threaded, threads, threads_for, threads_to_fetch,
};
pub use zip::{zip, zip_mut};
