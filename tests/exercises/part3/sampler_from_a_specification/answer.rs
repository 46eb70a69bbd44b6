//! A sampler, from a specification. You write all of it: `Settings` and the head of `sample`
//! are given, and how you go about it is up to you. What is asked of it, and in which order:
//!
//! 1. A token whose logit is minus infinity or NaN is never chosen. If no other token is left,
//!    the result is token 0.
//! 2. Of equal logits, the smaller token counts as the likelier one. Temperature 0 means:
//!    always the likeliest token.
//! 3. Otherwise each token gets the weight exp((logit - max) / temperature), where max is the
//!    largest logit. Logits that are max themselves have the weight 1, even if max is infinity.
//!    A token with the weight 0 is out.
//! 4. Top-k: only the k likeliest of these tokens stay. k may be larger than their number.
//! 5. Top-p: of the tokens that top-k has left, the smallest set of likeliest ones stays whose
//!    weights together reach at least p times the sum of all weights that top-k has left. With
//!    p = 1 all stay.
//! 6. Draw: the weights that are left lie side by side on a line, in the order of the tokens;
//!    but where top-p is below 1, from the likeliest to the least likely. The point u · (their
//!    sum) lies in the part of one token, and this is the result. A part has its left end and
//!    not its right end. If rounding puts the point behind the last part, the last one is
//!    meant.
//!
//! `None` switches top-k or top-p off.
//!
//! Example: the logits are ln 0.1, ln 0.2, ln 0.3, ln 0.4, at temperature 1.
//! - u = 0.25: token 1, whose part goes from 0.1 to 0.3.
//! - top-k 2 leaves tokens 2 and 3, with 0.3 and 0.4 on a line of 0.7. u = 0.5 is the point
//!   0.35, in the part of token 3.
//! - top-p 0.55 leaves token 3 and token 2, in this order: 0.4 is not enough, 0.7 is. u = 0.5
//!   is the point 0.35, in the part of token 3; u = 0.6 is 0.42, in that of token 2.
//! - Both: of the two that top-k leaves, token 3 has 4/7 = 0.57 alone. That is enough for 0.55,
//!   so it is always token 3.
//!
//! In ndarray and std you find what you need: `f64::total_cmp` compares two numbers for
//! `sort_by`, and `sort_by` leaves equal ones in their order.

/// How tokens are chosen.
pub struct Settings {
    /// 0, or a positive number.
    pub temperature: f64,
    /// At least 1.
    pub top_k: Option<usize>,
    /// Above 0, and at most 1.
    pub top_p: Option<f64>,
}

/// Chooses a token. logits: (V), at least one. u: a random number, 0 <= u < 1.
pub fn sample(settings: &Settings, logits: &[f64], u: f64) -> u32 {
    // SOLUTION
    let possible = |x: &f64| *x > f64::NEG_INFINITY; // false for NaN, too
    let Some(max) = logits.iter().copied().filter(possible).reduce(f64::max) else { return 0 };
    if settings.temperature == 0.0 {
        return logits.iter().position(|&x| x == max).unwrap_or(0) as u32;
    }
    let weight = |x: f64| if x == max { 1.0 } else { ((x - max) / settings.temperature).exp() };
    let weights = (0..).zip(logits).map(|(token, &x)| (token, weight(x)));
    let mut candidates: Vec<(u32, f64)> = weights.filter(|c| c.1 > 0.0).collect();
    if let Some(k) = settings.top_k {
        candidates.sort_by(likelier_first);
        candidates.truncate(k);
        candidates.sort_by_key(|c| c.0);
    }
    if let Some(p) = settings.top_p
        && p < 1.0
    {
        candidates.sort_by(likelier_first);
        let (total, mut reached) = (total(&candidates), 0.0);
        let enough = candidates.iter().position(|c| {
            reached += c.1;
            reached >= p * total
        });
        candidates.truncate(enough.map_or(candidates.len(), |last| last + 1));
    }
    draw(&candidates, u)
    // STUB
    // todo!()
    // END
}
// SOLUTION

fn likelier_first(a: &(u32, f64), b: &(u32, f64)) -> std::cmp::Ordering {
    b.1.total_cmp(&a.1)
}

fn total(candidates: &[(u32, f64)]) -> f64 {
    candidates.iter().map(|c| c.1).sum()
}

/// The token at the point `u` of the line.
fn draw(candidates: &[(u32, f64)], u: f64) -> u32 {
    let mut left = u * total(candidates);
    for &(token, weight) in candidates {
        left -= weight;
        if left < 0.0 {
            return token;
        }
    }
    candidates.last().map_or(0, |c| c.0)
}
// STUB
// END
