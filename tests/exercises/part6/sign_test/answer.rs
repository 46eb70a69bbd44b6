//! Two models on the same items: the sign test.
//!
//! Items on which both models are right, or both wrong, say nothing about which is better. On the
//! others, one of the two is right. If both were equally good, it would be either with probability
//! 1/2, like a coin. So: how probable is it that coins fall at least as unevenly as this?
//!
//! On paper: the models differ on three items, and on all three the second is right. Of the 8 outcomes
//! of three tosses two are as uneven, hhh and ttt. So p = 2/8. If they differ 2 to 1, all eight are at
//! least as uneven, and p = 1.

/// On how many items is only the first right, and on how many only the second?
///
/// Of each item: whether the first model is right, and whether the second is.
pub fn only(items: &[(bool, bool)]) -> (usize, usize) {
    // SOLUTION
    let first = items.iter().filter(|&&(a, b)| a && !b).count();
    let second = items.iter().filter(|&&(a, b)| b && !a).count();
    (first, second)
    // STUB
    // todo!()
    // END
}

/// The number of outcomes of n tosses with k heads: n! / (k! (n - k)!).
///
/// With 0 heads there is one. From k heads to k + 1, multiply by n - k and divide by k + 1.
pub fn outcomes(n: usize, k: usize) -> f64 {
    // SOLUTION
    (0..k).fold(1.0, |ways, i| ways * (n - i) as f64 / (i + 1) as f64)
    // STUB
    // todo!()
    // END
}

/// How probable it is that n = a + b tosses are at least as uneven as a heads and b tails: that the
/// more frequent side comes at least as often as the larger of both. 1 for no toss.
pub fn sign_test(a: usize, b: usize) -> f64 {
    // SOLUTION
    let (n, most) = (a + b, a.max(b));
    let uneven = (0..=n).filter(|&heads| heads.max(n - heads) >= most);
    uneven.map(|heads| outcomes(n, heads)).sum::<f64>() / 2f64.powi(n as i32)
    // STUB
    // todo!()
    // END
}
