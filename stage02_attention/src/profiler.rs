//! A profiler: the time spent in each [`Region`] of a model.
//!
//! A layer runs its work inside [`time`] and names the region. Regions may be nested (attention
//! contains softmax): while the inner one runs, the clock of the outer one stands still, so the
//! times add up to what was measured and nothing is counted twice. The times of several threads are
//! added up.
//!
//! Nothing is timed before [`start`]; until then a call costs the reading of one flag. No result
//! ever depends on the times.
//!
//! ```
//! use stage02_attention::profiler::{REGIONS, Region, start, stop, time};
//!
//! start();
//! let sum: u64 = time(Region::Loss, || (0..1000).sum());
//! let times = stop();
//! assert_eq!(sum, 499_500);
//! for ((region, name), time) in REGIONS.iter().zip(times) {
//!     println!("{name}: {time:?}"); // only "loss" is above zero
//!     assert!(time.is_zero() || *region == Region::Loss);
//! }
//! ```

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A part of a model that is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Region {
    /// The products of linear layers and of the output layer, with their biases.
    MatrixProducts,
    /// Scores, mixtures and their gradients: the products inside attention.
    Attention,
    /// From scores to attention weights, and the backward pass of that.
    Softmax,
    /// Layer norms, and the residual connections beside them.
    LayerNorm,
    /// The activation function of the feed-forward layers.
    Gelu,
    /// Dropout.
    Dropout,
    /// Cross-entropy and its gradient.
    Loss,
    /// Clipping and AdamW, with the sum of the workers' gradients.
    Optimiser,
}

/// All regions, in the order in which they are shown.
pub const REGIONS: [(Region, &str); 8] = [
    (Region::MatrixProducts, "matrix products"),
    (Region::Attention, "attention"),
    (Region::Softmax, "softmax"),
    (Region::LayerNorm, "layer norm"),
    (Region::Gelu, "GELU"),
    (Region::Dropout, "dropout"),
    (Region::Loss, "loss"),
    (Region::Optimiser, "optimiser"),
];

static RUNNING: AtomicBool = AtomicBool::new(false);
static NANOSECONDS: [AtomicU64; REGIONS.len()] = [const { AtomicU64::new(0) }; REGIONS.len()];

thread_local! {
    /// The region that this thread works in, and since when.
    static CURRENT: Cell<Option<(Region, Instant)>> = const { Cell::new(None) };
}

/// Runs `work` and counts its time for `region`.
#[inline]
pub fn time<R>(region: Region, work: impl FnOnce() -> R) -> R {
    if !RUNNING.load(Ordering::Relaxed) {
        return work();
    }
    let now = Instant::now();
    let outer = CURRENT.replace(Some((region, now)));
    if let Some((outer, since)) = outer {
        add(outer, now - since);
    }
    let result = work();
    let now = Instant::now();
    if let Some((region, since)) = CURRENT.get() {
        add(region, now - since);
    }
    CURRENT.set(outer.map(|(outer, _)| (outer, now)));
    result
}

fn add(region: Region, time: Duration) {
    NANOSECONDS[region as usize].fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
}

/// Sets all clocks to zero and starts them.
pub fn start() {
    NANOSECONDS.iter().for_each(|clock| clock.store(0, Ordering::Relaxed));
    RUNNING.store(true, Ordering::Relaxed);
}

/// Stops all clocks. Returns the time of each region since [`start`], summed over all threads, in
/// the order of [`REGIONS`].
pub fn stop() -> [Duration; REGIONS.len()] {
    RUNNING.store(false, Ordering::Relaxed);
    std::array::from_fn(|i| Duration::from_nanos(NANOSECONDS[i].load(Ordering::Relaxed)))
}
