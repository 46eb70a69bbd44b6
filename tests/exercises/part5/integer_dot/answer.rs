//! A dot product straight on the blocks.
//!
//! The weights w are blocks with a scale d, a minimum m and whole numbers q; x is in blocks,
//! too, with its own scales and whole numbers p, and no minimum. Block by block:
//!
//!   sum over blocks of   d_w * d_x * (sum over i of q[i] * p[i])
//!                      + m_w * d_x * (sum over i of p[i])
//!
//! The sums inside are on whole numbers. Their products may be as large as 127 * 127, which is
//! no number of 8 bits, so make them 32 bits wide before you multiply: `i32::from(q)`.
//!
//! On paper: a block of w has d = 0.2, m = 0 and q = (4, -2, 1, -8), and x has d = 0.01 and
//! p = (50, 100, 127, 20). The sum of the products is 200 - 200 + 127 - 160 = -33, and the
//! result is 0.2 * 0.01 * -33 = -0.066.

/// A block: its numbers are d q + m.
pub struct Block {
    /// The scale.
    pub d: f64,
    /// The minimum; 0 for types without one, and for x.
    pub m: f64,
    /// The whole numbers.
    pub q: Vec<i8>,
}

/// The dot product of the weights w with x. There are as many blocks in both, of the same
/// sizes.
pub fn integer_dot(w: &[Block], x: &[Block]) -> f64 {
    // SOLUTION
    let mut sum = 0.0;
    for (w, x) in w.iter().zip(x) {
        let (mut products, mut of_x) = (0, 0);
        for (&q, &p) in w.q.iter().zip(&x.q) {
            products += i32::from(q) * i32::from(p);
            of_x += i32::from(p);
        }
        sum += w.d * x.d * f64::from(products) + w.m * x.d * f64::from(of_x);
    }
    sum
    // STUB
    // todo!()
    // END
}
