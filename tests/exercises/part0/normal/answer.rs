//! A bell from flat numbers. Wherever many independent things are added up, the sum follows the
//! normal distribution. A generator gives numbers between 0 and 1, all of them equally likely.
//! Such a number is 1/2 in the mean. Add up twelve of them: the sum is 6 in the mean, and its
//! standard deviation happens to be 1. So
//!
//!   z = u[0] + u[1] + ... + u[11] - 6        nearly normal, middle 0, standard deviation 1
//!   x = mean + std z                         nearly normal, middle `mean`, width `std`
//!
//! If all twelve are 1/2, z is 0 and x is the mean. If one of them is 1 instead, z is 0.5, and
//! with mean 2 and std 0.2 x is 2.1.
//!
//! Then check the rule of thumb of the chapter: about two thirds of all values lie within one
//! standard deviation of the middle. For that, count. The share of (1, 2, 3, 9) that lies
//! within 1.5 of 2 is 3/4.

/// A number that is nearly normal, from twelve numbers between 0 and 1.
pub fn normal(uniform: &[f64; 12], mean: f64, std: f64) -> f64 {
    // SOLUTION
    let z = uniform.iter().sum::<f64>() - 6.0;
    mean + std * z
    // STUB
    // todo!()
    // END
}

/// The share of the values that are at most `distance` away from `middle`, on either side.
pub fn share_within(values: &[f64], middle: f64, distance: f64) -> f64 {
    // SOLUTION
    let near = values.iter().filter(|&x| (x - middle).abs() <= distance).count();
    near as f64 / values.len() as f64
    // STUB
    // todo!()
    // END
}
