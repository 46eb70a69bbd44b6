//! Drawing a token: a dart on a line.
//!
//! The line reaches from 0 to 1. Every token has a piece of it, as long as its probability, in
//! the order of the token numbers. The dart hits at u, and the token whose piece is hit is
//! drawn:
//!
//!   the smallest i with   u < p[0] + p[1] + … + p[i]
//!
//! On paper: 0.1, 0.2, 0.3, 0.4. The pieces begin at 0, 0.1, 0.3 and 0.6. A dart at 0.25 hits
//! token 1. A dart exactly on a border belongs to the piece that begins there. So a token of
//! probability 0 is never drawn.
//!
//! Rounding may make the sum of all pieces a little less than 1, and the dart may fly past the
//! end. Then the last token whose probability is above 0 is drawn.

/// The token that the dart hits. probabilities: (V), 0 <= u < 1.
pub fn draw(probabilities: &[f64], u: f64) -> u32 {
    // SOLUTION
    let mut end = 0.0;
    for (token, p) in probabilities.iter().enumerate() {
        end += p;
        if u < end {
            return token as u32;
        }
    }
    probabilities.iter().rposition(|&p| p > 0.0).unwrap_or(0) as u32
    // STUB
    // todo!()
    // END
}
