//! A blank file: one training step of a small model, from a specification. Nothing is given but
//! the names. Write as many functions as you like. Every line of it is in the chapters up to
//! here but the optimiser, which the next chapter builds; its equations are below, and they are
//! enough.
//!
//! # The model
//!
//! V tokens, C columns. It reads one token and scores the next. All weights stand in one list,
//! one table after another, each row by row:
//!
//!   E (V, C), the embedding;    W (C, V), a linear layer;    b (V), its bias
//!
//! So E[a, c] is number a C + c, W[c, a] is number V C + c V + a, and b[a] is number 2 V C + a.
//!
//! # The loss
//!
//! For each i from 0 to n - 1, with the token `inputs[i]` and the target `targets[i]`:
//!
//!   x = row inputs[i] of E
//!   z[a] = (sum over c of x[c] * W[c, a]) + b[a]
//!   loss = ln(sum over a of exp(z[a])) - z[target]
//!
//! and L is the mean of the n losses. Scores may be as large as 1000.
//!
//! # The gradient
//!
//! The derivative of L for each weight, in a list of the same order. With p = softmax(z), the
//! gradient of z[a] is (p[a] - 1 if a is the target, p[a] otherwise) / n. A token may stand in
//! several places.
//!
//! # Clipping
//!
//! G is the root of the sum of the squares of the whole gradient. Multiply the gradient by
//! min(1, grad_clip / (G + 0.000001)).
//!
//! # The update: AdamW
//!
//! t counts the steps: it is 1 in the first. For every weight w, with its gradient g and its
//! two moments m and v, which begin at 0:
//!
//!   m = beta1 * m + (1 - beta1) * g
//!   v = beta2 * v + (1 - beta2) * g * g
//!   w = w - lr * decay * w - lr * m_hat / (sqrt(v_hat) + eps)
//!   with m_hat = m / (1 - beta1^t) and v_hat = v / (1 - beta2^t)
//!
//! The w in `lr * decay * w` is the one before the step. `decay` is `weight_decay` for the two
//! tables E and W, and 0 for b.
//!
//! # An example
//!
//! V = 2, C = 1, E = (1; 2), W = (1, -1), b = (0, 0). One input, token 0, with the target 1.
//! Then z = (1, -1), the loss is 2.1269, and the gradient of z is (0.8808, -0.8808). So the
//! gradient of W is the same, that of b too, and that of E is (1.7616; 0).

/// The settings of a step.
pub struct Settings {
    /// The learning rate.
    pub lr: f64,
    /// How much of the average gradient is kept.
    pub beta1: f64,
    /// How much of the average square is kept.
    pub beta2: f64,
    /// A tiny number that keeps the division from failing.
    pub eps: f64,
    /// How much of a weight is taken away, times the learning rate.
    pub weight_decay: f64,
    /// The largest gradient norm.
    pub grad_clip: f64,
}

/// The model, and the state of its optimiser.
#[derive(Clone)]
pub struct Model {
    /// V.
    pub vocabulary: usize,
    /// C.
    pub columns: usize,
    /// E, W and b, one after another. Length: 2 V C + V.
    pub weights: Vec<f64>,
    /// The average gradient of each weight.
    pub m: Vec<f64>,
    /// The average square of each gradient.
    pub v: Vec<f64>,
    /// How many steps were taken.
    pub t: i32,
}

// SOLUTION
/// The mean loss, and its gradient for every weight.
fn loss_and_gradient(model: &Model, inputs: &[u32], targets: &[u32]) -> (f64, Vec<f64>) {
    let (v, c, weights) = (model.vocabulary, model.columns, &model.weights);
    let (w0, b0, n) = (v * c, 2 * v * c, inputs.len() as f64);
    let (mut loss, mut grads) = (0.0, vec![0.0; weights.len()]);
    for (&input, &target) in inputs.iter().zip(targets) {
        let (x0, target) = (input as usize * c, target as usize);
        let mut z = weights[b0..].to_vec();
        for k in 0..c {
            for a in 0..v {
                z[a] += weights[x0 + k] * weights[w0 + k * v + a];
            }
        }
        let max = z.iter().fold(f64::NEG_INFINITY, |max, &z| max.max(z));
        let sum: f64 = z.iter().map(|z| (z - max).exp()).sum();
        loss += (max + sum.ln() - z[target]) / n;

        for a in 0..v {
            let p = (z[a] - max).exp() / sum;
            let dz = if a == target { (p - 1.0) / n } else { p / n };
            grads[b0 + a] += dz;
            for k in 0..c {
                grads[w0 + k * v + a] += weights[x0 + k] * dz;
                grads[x0 + k] += weights[w0 + k * v + a] * dz;
            }
        }
    }
    (loss, grads)
}

/// Shortens the gradient to the largest norm.
fn clip(grads: &mut [f64], grad_clip: f64) {
    let norm = grads.iter().map(|g| g * g).sum::<f64>().sqrt();
    let factor = (grad_clip / (norm + 1e-6)).min(1.0);
    grads.iter_mut().for_each(|g| *g *= factor);
}

/// AdamW.
fn update(model: &mut Model, settings: &Settings, grads: &[f64]) {
    let &Settings { lr, beta1, beta2, eps, weight_decay, .. } = settings;
    model.t += 1;
    let (c1, c2) = (1.0 - beta1.powi(model.t), 1.0 - beta2.powi(model.t));
    let tables = 2 * model.vocabulary * model.columns;
    for (i, &g) in grads.iter().enumerate() {
        let (w, m, v) = (&mut model.weights[i], &mut model.m[i], &mut model.v[i]);
        let decay = if i < tables { weight_decay } else { 0.0 };
        *m = beta1 * *m + (1.0 - beta1) * g;
        *v = beta2 * *v + (1.0 - beta2) * g * g;
        *w -= lr * decay * *w + lr * (*m / c1) / ((*v / c2).sqrt() + eps);
    }
}

/// Takes one step, and returns the mean loss before it. Length of both lists: n, at least 1.
pub fn step(model: &mut Model, settings: &Settings, inputs: &[u32], targets: &[u32]) -> f64 {
    let (loss, mut grads) = loss_and_gradient(model, inputs, targets);
    clip(&mut grads, settings.grad_clip);
    update(model, settings, &grads);
    loss
}
// STUB
// /// Takes one step, and returns the mean loss before it. Length of both lists: n, at least 1.
// pub fn step(model: &mut Model, settings: &Settings, inputs: &[u32], targets: &[u32]) -> f64 {
//     todo!()
// }
// END
