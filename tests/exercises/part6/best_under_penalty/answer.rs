//! The best answers where leaving the reference costs something, and the rewards that explain a model.
//!
//!   p(y) = q(y) exp(reward(y) / beta) / sum,      reward(y) = beta ln(p(y) / q(y)) + a number
//!
//! q: the probabilities of all answers under the reference (p_0 in the chapter). The sum makes the
//! probabilities add up to 1.
//!
//! On paper: q = (1/2, 1/4, 1/4), beta = 1, rewards (0, ln 2, 2 ln 2). The products are 1/2 · 1,
//! 1/4 · 2, 1/4 · 4 = 1/2, 1/2, 1, which add up to 2. So p = (1/4, 1/4, 1/2).

/// The probabilities that make the expected reward minus beta times the KL divergence from q largest.
pub fn best(q: &[f64], rewards: &[f64], beta: f64) -> Vec<f64> {
    // SOLUTION
    let products = q.iter().zip(rewards).map(|(q, reward)| q * (reward / beta).exp());
    let products: Vec<f64> = products.collect();
    let sum: f64 = products.iter().sum();
    products.iter().map(|product| product / sum).collect()
    // STUB
    // todo!()
    // END
}

/// By how much larger the reward of answer a is than that of answer b, if p is the best for its
/// rewards. (The sum is not needed.)
pub fn difference_of_rewards(q: &[f64], p: &[f64], beta: f64, a: usize, b: usize) -> f64 {
    // SOLUTION
    beta * ((p[a] / q[a]).ln() - (p[b] / q[b]).ln())
    // STUB
    // todo!()
    // END
}
