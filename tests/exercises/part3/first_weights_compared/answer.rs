//! An experiment: where should a network begin?
//!
//! The network has 8 hidden units and learns the four phrases of the feed-forward chapter:
//! *not* and *un* are each 0 or 1, and the answer is 1 for exactly one of them. Its weights
//! begin from the bell curve with the standard deviation STD. With SAME they all begin *at* STD
//! instead, and none of them differs.
//!
//! Set STD to 0.0, 0.02, 0.5 and 20.0, run the check for each, and look at the curves. Then set
//! SAME = true, with STD = 0.5. Write down what came out: the three functions below.
//!
//! (The loss is the mean square of the errors. 0.25 is that of a network that says one half to
//! everything.)

use ndarray::{Array2, array};
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::params::fill_normal;

/// The standard deviation of the first weights. Change it.
pub const STD: f64 = 0.02;

/// Whether all weights begin alike. Change it.
pub const SAME: bool = false;

/// Which of 0.0, 0.02, 0.5 and 20.0 has the lowest loss after the last step? (SAME = false)
pub fn lowest_loss_at() -> f64 {
    // SOLUTION
    0.5
    // STUB
    // todo!()
    // END
}

/// With SAME = true and STD = 0.5: how many different hidden units are there at the end?
pub fn different_units() -> usize {
    // SOLUTION
    1
    // STUB
    // todo!()
    // END
}

/// With SAME = true and STD = 0.5 the loss ends near 0.23, although STD = 0.5 was a good size.
/// Why?
///
/// - 'a': The gradients are zero, so no weight moves at all.
/// - 'b': All hidden units get the same gradient, stay equal, and are as good as a single one.
/// - 'c': The first loss is too high. With more steps it would come down.
/// - 'd': The weights are too large for the learning rate, and each step overshoots.
pub fn why() -> char {
    // SOLUTION
    'b'
    // STUB
    // todo!()
    // END
}

/// What a training has shown.
pub struct Run {
    /// The loss before each of 300 steps.
    pub losses: Vec<f64>,
    /// The weights of the hidden units after the last step: a column for each.
    pub units: Array2<f64>,
}

/// Trains the network, and says how it went. You need not change this function.
pub fn train(std: f64, same: bool) -> Run {
    let rng = &mut generator(1, Purpose::Initialisation, 0);
    let mut start = |rows: usize, columns: usize| {
        let mut values = vec![std; rows * columns];
        if !same {
            fill_normal(&mut values, std, rng);
        }
        Array2::from_shape_vec((rows, columns), values).expect("a table")
    };
    // The third number is always 1: its row of the matrix is a bias.
    let phrases = array![[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0]];
    let sad = array![[0.0], [1.0], [1.0], [0.0]];
    let (mut w1, mut w2, mut bias, lr) = (start(3, 8), start(8, 1), 0.0, 0.1);
    let mut losses = Vec::new();
    for _ in 0..300 {
        let hidden = phrases.dot(&w1).mapv(f64::tanh);
        let error = hidden.dot(&w2) + bias - &sad;
        losses.push(error.mapv(|e| e * e).sum() / 4.0);

        let dy = 0.5 * error;
        let dh = dy.dot(&w2.t()) * hidden.mapv(|h| 1.0 - h * h);
        w2.scaled_add(-lr, &hidden.t().dot(&dy));
        w1.scaled_add(-lr, &phrases.t().dot(&dh));
        bias -= lr * dy.sum();
    }
    Run { losses, units: w1 }
}
