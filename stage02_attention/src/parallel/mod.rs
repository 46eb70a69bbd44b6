//! Threads: work that is cut into parts, one for each thread.
//!
//! A layer states its equation for a row or for a head, and calls [`each_row`], [`add_rows`] or
//! [`each_head`]; everything about threads, vector instructions and clocks is behind them.
//!
//! Nothing is cut unless several threads stand ready: those of the thread pool a layer happens to
//! run in (`rayon`'s), unless it is told to work [`single_threaded`]. The trainer lets every thread work
//! alone on its part of the batch where a model is small, and all threads together where it is
//! wide. Where the pieces are cut depends on how many threads there are, never on which is fast.
//!
//! The files: `rows` and `heads`, what the layers call; `threads`, how many threads some work is
//! worth; `spin`, two halves side by side without falling asleep.

mod heads;
mod rows;
mod spin;
mod threads;

pub use heads::{Heads, PerThread, each_head};
pub use rows::{Rows, add_rows, each_row, each_row_here, each_row_on};
pub use spin::{join, spinning};
pub use threads::{
    FETCHED, rows_per_thread, single_threaded, threads, threads_for, threads_to_fetch,
};
