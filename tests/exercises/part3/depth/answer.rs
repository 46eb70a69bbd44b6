//! An experiment: how deep can a stack be?
//!
//! The network learns the four phrases of the last chapter: *not* and *un* are each 0 or 1, and
//! the answer is 1 for exactly one of them. A first matrix makes a vector of 8 numbers of them,
//! then come LAYERS layers, and a last matrix makes one number. A layer is f(x) = tanh(x W),
//! with weights that begin small. It replaces the stream, or with PLUS it adds to the stream.
//!
//! Set LAYERS and PLUS, run the check, and look at the curve. Try 1, 2, 4, 8 and 16 layers
//! without the plus, and then with it. Write down what came out: the three functions below.
//!
//! (The loss is the mean square of the errors. 0.25 is that of a network that says one half to
//! everything. In the code, `scaled_add(-lr, &g)` subtracts lr times g.)

use ndarray::{Array2, array};
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::params::fill_normal;

/// How many layers the stack has. Change it.
pub const LAYERS: usize = 2;

/// Whether a layer adds to the stream. Change it.
pub const PLUS: bool = false;

/// Without the plus: the largest of 1, 2, 4, 8 and 16 layers whose loss ends below 0.01.
pub fn deepest_without_plus() -> usize {
    // SOLUTION
    2
    // STUB
    // todo!()
    // END
}

/// With the plus: the largest of 1, 2, 4, 8 and 16 layers whose loss ends below 0.01.
pub fn deepest_with_plus() -> usize {
    // SOLUTION
    16
    // STUB
    // todo!()
    // END
}

/// Why does the loss of the deep stacks without the plus stand still?
///
/// - 'a': Deep stacks have more weights, and 3,000 steps are too few to visit all of them.
/// - 'b': The gradient explodes on its way back, and throws the first weights far away.
/// - 'c': The gradient is multiplied by something small at each layer, and next to nothing
///   of it is left at the first.
/// - 'd': Without the plus the layers together are one linear layer, which cannot learn this.
pub fn why() -> char {
    // SOLUTION
    'c'
    // STUB
    // todo!()
    // END
}

/// What a training has shown.
pub struct Run {
    /// The loss before each of 3,000 steps.
    pub losses: Vec<f64>,
    /// The gradient norm of the first layer's weights in the first step.
    pub first_gradient: f64,
}

/// Trains a stack, and says how it went. You need not change this function.
pub fn train(layers: usize, plus: bool) -> Run {
    let rng = &mut generator(1, Purpose::Initialisation, 0);
    let mut random = |rows: usize, columns: usize, std: f64| {
        let mut values = vec![0.0; rows * columns];
        fill_normal(&mut values, std, rng);
        Array2::from_shape_vec((rows, columns), values).expect("a table")
    };
    // The third number is always 1: its row of the matrix is a bias.
    let phrases = array![[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0]];
    let sad = array![[0.0], [1.0], [1.0], [0.0]];
    let mut first = random(3, 8, 0.5);
    let mut stack: Vec<_> = (0..layers).map(|_| random(8, 8, 0.15)).collect();
    let (mut last, mut bias, lr) = (random(8, 1, 0.1), 0.0, 0.02);
    let mut run = Run { losses: Vec::new(), first_gradient: 0.0 };
    for step in 0..3000 {
        // Forward. `said` is what each layer says: f(x).
        let (mut stream, mut said) = (vec![phrases.dot(&first)], Vec::new());
        for (l, w) in stack.iter().enumerate() {
            let f = stream[l].dot(w).mapv(f64::tanh);
            stream.push(if plus { &stream[l] + &f } else { f.clone() });
            said.push(f);
        }
        let error = stream[layers].dot(&last) + bias - &sad;
        run.losses.push(error.mapv(|e| e * e).sum() / 4.0);

        // Backward, and a step downhill for each matrix.
        let dy = 0.5 * error;
        let mut d = dy.dot(&last.t());
        last.scaled_add(-lr, &stream[layers].t().dot(&dy));
        bias -= lr * dy.sum();
        for l in (0..layers).rev() {
            let df = &d * &said[l].mapv(|f| 1.0 - f * f);
            let handed_back = df.dot(&stack[l].t());
            let dw = stream[l].t().dot(&df);
            if step == 0 && l == 0 {
                run.first_gradient = dw.mapv(|g| g * g).sum().sqrt();
            }
            stack[l].scaled_add(-lr, &dw);
            d = if plus { d + handed_back } else { handed_back };
        }
        first.scaled_add(-lr, &phrases.t().dot(&d));
    }
    run
}
