//! Work that is divided among scorers, one on each thread, and that can be stopped.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use stage01_bigram::{Float, Result};

use super::scorer::Scorer;

/// Runs `each` on every job. A scorer that has finished takes the next job, so their order is that
/// of the jobs, but for those that run at the same time.
///
/// each: returns whether to continue. Result: whether all jobs were done.
///
/// # Errors
/// The first error of `each`; the jobs that were not begun are left.
pub(super) fn divide<T: Float, J: Send>(
    mut scorers: Vec<Scorer<'_, T>>,
    jobs: impl Iterator<Item = J> + Send,
    each: impl Fn(&mut Scorer<'_, T>, J) -> Result<bool> + Sync,
) -> Result<bool> {
    let (jobs, stopped) = (Mutex::new(jobs.fuse()), AtomicBool::new(false));
    // Nothing that rayon divides may run under the lock: this thread could take up another worker.
    let next = || jobs.lock().expect("no panic in a job list").next();
    scorers.par_iter_mut().try_for_each(|scorer| {
        while !stopped.load(Ordering::Relaxed)
            && let Some(job) = next()
        {
            match each(scorer, job) {
                Ok(true) => {}
                Ok(false) => stopped.store(true, Ordering::Relaxed),
                Err(error) => {
                    stopped.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
        Ok(())
    })?;
    Ok(!stopped.into_inner())
}
