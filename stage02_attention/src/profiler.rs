//! Where does the time go? A clock for each part of a model.
//!
//! A layer that wants to be timed runs its work inside [`time`] and says which [`Region`] it is.
//! Parts may lie inside one another (attention contains softmax): while the inner one runs the
//! outer one's clock stands still, so the times add up to what was measured and nothing is
//! counted twice. Work on several threads at once is added up over the threads.
//!
//! Nobody is timed until somebody asks for it ([`start`]); until then a call costs a glance at
//! one flag. Time is all that is kept here, and no result ever depends on it.
//!
//! ```
//! use stage02_attention::profiler::{REGIONS, Region, start, stop, time};
//!
//! start();
//! let sum: u64 = time(Region::Loss, || (0..1000).sum());
//! let times = stop();
//! assert_eq!(sum, 499_500);
//! for ((part, name), time) in REGIONS.iter().zip(times) {
//!     println!("{name}: {time:?}"); // only "loss" is above zero
//!     assert!(time.is_zero() || *part == Region::Loss);
//! }
//! ```

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a model spends its time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Region {
    /// The products of linear layers and of the output layer, with their biases.
    MatrixProducts,
    /// Scores, mixtures and their gradients: the products inside attention.
    Attention,
    /// Turning scores into shares, inside attention, and the backward pass.
    Softmax,
    /// Layer norms, and the residual connections beside them.
    LayerNorm,
    /// The bend of the feed-forward layers.
    Gelu,
    /// Dropout.
    Dropout,
    /// Cross-entropy and its gradient.
    Loss,
    /// Clipping and AdamW, with the sum over the shards.
    Optimiser,
}

/// All parts, in the order in which they are shown.
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
    /// The part this thread works on, and since when.
    static CURRENT: Cell<Option<(Region, Instant)>> = const { Cell::new(None) };
}

/// Does some work, as a part of the model.
#[inline]
pub fn time<R>(part: Region, work: impl FnOnce() -> R) -> R {
    if !RUNNING.load(Ordering::Relaxed) {
        return work();
    }
    let now = Instant::now();
    let outer = CURRENT.replace(Some((part, now)));
    if let Some((outer, since)) = outer {
        add(outer, now - since);
    }
    let result = work();
    let now = Instant::now();
    if let Some((part, since)) = CURRENT.get() {
        add(part, now - since);
    }
    CURRENT.set(outer.map(|(outer, _)| (outer, now)));
    result
}

fn add(part: Region, time: Duration) {
    NANOSECONDS[part as usize].fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
}

/// Sets all clocks to zero and starts them.
pub fn start() {
    NANOSECONDS.iter().for_each(|clock| clock.store(0, Ordering::Relaxed));
    RUNNING.store(true, Ordering::Relaxed);
}

/// Stops all clocks. The time of each part since [`start`], summed over all threads, in the
/// order of [`REGIONS`].
pub fn stop() -> [Duration; REGIONS.len()] {
    RUNNING.store(false, Ordering::Relaxed);
    std::array::from_fn(|i| Duration::from_nanos(NANOSECONDS[i].load(Ordering::Relaxed)))
}
