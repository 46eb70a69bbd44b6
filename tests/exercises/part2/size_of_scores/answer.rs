//! How large is a score before anything is learned?
//!
//! The numbers of queries and keys are random then, with the mean zero. Scores are dot products
//! of d such numbers, and they lie around zero. Their usual size is the root of their mean
//! square, the standard deviation:
//!
//!   std(x) = sqrt((x[0]^2 + x[1]^2 + ... ) / n)       where the mean is known to be zero
//!
//! Then make scores whose standard deviation is 1 for every d:
//!
//!   score = (q . k) / sqrt(d)
//!
//! On paper: the sums of two coins of +1 and -1 are 2, 0, 0, -2. Their mean square is
//! 8 / 4 = 2, and their standard deviation is sqrt(2) = 1.414.

/// The standard deviation of numbers whose mean is known to be zero. Shape of x: (n), n > 0.
pub fn standard_deviation(x: &[f64]) -> f64 {
    // SOLUTION
    let mean_square = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
    mean_square.sqrt()
    // STUB
    // todo!()
    // END
}

/// The score of a query and a key, both of shape (d).
pub fn score(q: &[f64], k: &[f64]) -> f64 {
    // SOLUTION
    let dot: f64 = q.iter().zip(k).map(|(q, k)| q * k).sum();
    dot / (q.len() as f64).sqrt()
    // STUB
    // todo!()
    // END
}
