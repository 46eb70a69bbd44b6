//! A model with dropout, and its evaluation. There is a bug in this file.
//!
//! The symptom: the same weights are evaluated twice, on the same data, and the two losses
//! differ. The curve of the validation loss shakes, even where the learning rate is 0. And when
//! dropout was switched off to look for the cause, everything was right.
//!
//! The model is the smallest one: y = sum over i of w[i] x[i], and the loss is the mean of
//! (y - target)² over all examples. In training, each x[i] is dropped with the probability p.
//! `Random` draws the random numbers.
//!
//! Find the bug and mend it.

/// Random numbers, the same in every run.
pub struct Random(pub u64);

impl Random {
    /// The next one, from 0 to below 1.
    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 40) as f64 / (1u64 << 24) as f64
    }
}

/// An example: x and its target.
pub type Example = (Vec<f64>, f64);

/// A number of the dropout mask.
fn mask(p: f64, random: &mut Random) -> f64 {
    if random.next() < p { 0.0 } else { 1.0 / (1.0 - p) }
}

/// The prediction for x. Drops a part of x if there is a generator, and otherwise nothing.
pub fn forward(w: &[f64], x: &[f64], p: f64, mut random: Option<&mut Random>) -> f64 {
    let mut y = 0.0;
    for i in 0..w.len() {
        y += w[i] * x[i] * random.as_deref_mut().map_or(1.0, |random| mask(p, random));
    }
    y
}

/// The loss of a training step, as the log reports it.
pub fn training_loss(w: &[f64], data: &[Example], p: f64, random: &mut Random) -> f64 {
    let loss = |(x, target): &Example| (forward(w, x, p, Some(&mut *random)) - target).powi(2);
    data.iter().map(loss).sum::<f64>() / data.len() as f64
}

/// The loss of an evaluation.
pub fn evaluate(w: &[f64], data: &[Example], p: f64, random: &mut Random) -> f64 {
    let _ = (p, random);
    let loss = |(x, target): &Example| (forward(w, x, 0.0, None) - target).powi(2);
    data.iter().map(loss).sum::<f64>() / data.len() as f64
}
