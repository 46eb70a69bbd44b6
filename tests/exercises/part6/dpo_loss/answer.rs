//! The loss of one pair of answers, and what a nudge does to it.
//!
//!   margin = beta ((c - c_ref) - (r - r_ref)),    loss = -ln s(margin),    s(z) = 1 / (1 + exp(-z))
//!
//! c and r are the log-probabilities of the chosen and of the rejected answer under the model, c_ref
//! and r_ref those under the reference (c_0 and r_0 in the chapter).
//!
//! On paper, in units of ln 2: c = -3, c_ref = -4, r = -4, r_ref = -3, beta = 1/2. The chosen answer
//! went up by 1 and the rejected one down by 1, so the margin is 1/2 · 2 ln 2 = ln 2. s(ln 2) = 2/3, and
//! the loss is -ln 2/3 = 0.405. A nudge of c by h moves the loss by -1/2 · 1/3 · h.

/// The log-probabilities of one pair.
#[derive(Clone, Copy)]
pub struct Pair {
    pub c: f64,
    pub r: f64,
    pub c_ref: f64,
    pub r_ref: f64,
    pub beta: f64,
}

pub fn margin(pair: Pair) -> f64 {
    // SOLUTION
    let Pair { c, r, c_ref, r_ref, beta } = pair;
    beta * ((c - c_ref) - (r - r_ref))
    // STUB
    // todo!()
    // END
}

/// It must be a number for every margin, such as -1000: exp(1000) is infinite. Use that
/// -ln s(z) = ln(1 + exp(-z)), and that this is ln(1 + exp(z)) - z, too.
pub fn loss(margin: f64) -> f64 {
    // SOLUTION
    if margin >= 0.0 { (-margin).exp().ln_1p() } else { margin.exp().ln_1p() - margin }
    // STUB
    // todo!()
    // END
}

/// The derivatives of the loss for c and for r.
pub fn gradient(margin: f64, beta: f64) -> [f64; 2] {
    // SOLUTION
    let weight = beta / (1.0 + margin.exp());
    [-weight, weight]
    // STUB
    // todo!()
    // END
}
