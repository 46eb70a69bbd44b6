//! Threads: work cut into parts, one for each thread.
//!
//! A layer states its equation for a row or for a head, and calls [`each_row`], [`add_rows`] or
//! [`each_head`]; threads, vector instructions and the profiler are hidden behind them.
//!
//! Work is cut only where several threads are available: those of `rayon`'s current thread pool,
//! unless the work runs [`single_threaded`]. For a small model the trainer gives each thread its
//! own slice of the batch; for a wide one all threads work on each layer together. Where the parts
//! are cut depends on the number of threads, never on which of them is fast.
//!
//! The files: `rows` and `heads`, what the layers call; `threads`, how many threads some work is
//! worth; `spin`, two halves in parallel on threads that spin instead of sleeping.
//!
//! ```
//! use stage02_attention::parallel::{join, single_threaded, threads};
//!
//! assert_eq!(join(|| 1 + 1, || 2 * 3), (2, 6)); // in parallel where there are two threads
//! assert_eq!(single_threaded(threads), 1);
//! ```

mod heads;
mod rows;
mod spin;
mod threads;

pub use heads::{Heads, PerThread, Shared, each_head};
pub use rows::{Rows, add_rows, each_row, each_row_here, each_row_on};
pub use spin::{join, spinning};
pub use threads::{rows_per_thread, single_threaded, threads, threads_for, threads_to_fetch};
