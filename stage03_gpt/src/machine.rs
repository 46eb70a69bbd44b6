//! The speed of the machine itself: its matrix products and its memory. Utilisation is measured
//! against it.
//!
//! ```
//! use std::time::Duration;
//! let gflops = stage03_gpt::machine::matrix_product_speed(1, Duration::from_millis(10))?;
//! assert!(gflops > 0.1, "{gflops} GFLOP/s");
//! # Ok::<(), stage01_bigram::Error>(())
//! ```

use std::time::{Duration, Instant};

use ndarray::Array2;
use rayon::prelude::*;
use stage01_bigram::Result;
use stage01_bigram::vector::{simd_dispatch, sum};
use stage02_attention::matmul::{gemm, pages};

use crate::memory;
use crate::trainer::thread_pool;

/// The speed of large matrix products on all threads at once, in GFLOP/s: the median over calls.
///
/// # Errors
/// [`Error::Setting`](stage01_bigram::Error::Setting) for more threads than any machine has.
pub fn matrix_product_speed(threads: usize, budget: Duration) -> Result<f64> {
    const N: usize = 1024;
    let pool = thread_pool(threads)?;
    let bytes = (3 * 4 * N * N * threads) as f64;
    memory::require(bytes, "the memory for matrix products", "choose fewer --threads")?;
    let mut matrices: Vec<[Array2<f32>; 3]> = (0..threads)
        .map(|_| std::array::from_fn(|i| Array2::from_elem((N, N), 0.5 + i as f32)))
        .collect();
    let seconds = median(budget, || {
        pool.install(|| {
            matrices.par_iter_mut().for_each(|[a, b, c]| {
                gemm(1.0, a.view(), b.view(), 0.0, &mut c.view_mut());
            });
        });
        Ok(())
    })?;
    Ok(2.0 * (N * N * N * threads) as f64 / seconds / 1e9)
}

/// Memory bandwidth: how fast all threads together read numbers that are in no cache, in bytes per
/// second, the median over calls.
///
/// # Errors
/// As [`matrix_product_speed`].
pub fn memory_speed(threads: usize, budget: Duration) -> Result<f64> {
    /// Larger than any cache: 512 MB.
    const N: usize = 1 << 27;
    let pool = thread_pool(threads)?;
    let bytes = (4 * N) as f64;
    memory::require(bytes, "the memory for measuring its speed", "close other programs")?;
    let mut numbers = pages::zeroed::<f32>(N);
    numbers.fill(1.0);
    let seconds = median(budget, || {
        let total: f32 = pool.install(|| {
            let parts = numbers.par_chunks(N.div_ceil(threads));
            parts
                .map(|part| {
                    simd_dispatch(
                        #[inline(always)]
                        || sum(part.iter().copied()),
                    )
                })
                .sum()
        });
        std::hint::black_box(total);
        Ok(())
    })?;
    Ok(bytes / seconds)
}

/// The median time of one call in seconds, over as many calls as fit into the budget, at least
/// five, after two to warm up.
pub(crate) fn median(budget: Duration, mut call: impl FnMut() -> Result<()>) -> Result<f64> {
    call()?;
    call()?;
    let (start, mut times) = (Instant::now(), Vec::new());
    while times.len() < 5 || start.elapsed() < budget {
        let began = Instant::now();
        call()?;
        times.push(began.elapsed().as_secs_f64());
    }
    Ok(middle(&mut times))
}

/// The median of some times.
pub(crate) fn middle(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
