//! Doubling, exp and logarithms: the numbers of the book's chapter on exp and log.
//!
//! What is left out: how a computer works out exp. `stage01_bigram::vector` does it by hand.

// ANCHOR: slope
/// The slope of f at x, by a nudge to either side.
fn slope(f: impl Fn(f64) -> f64, x: f64) -> f64 {
    let h = 1e-5;
    (f(x + h) - f(x - h)) / (2.0 * h)
}
// ANCHOR_END: slope

// ANCHOR: product
/// The product of `count` equal factors in 32 bits, and its logarithm as a sum.
fn product_and_log(factor: f32, count: usize) -> (f32, f32) {
    let (mut product, mut log) = (1.0, 0.0);
    for _ in 0..count {
        product *= factor;
        log += factor.ln();
    }
    (product, log)
}
// ANCHOR_END: product

// ANCHOR: softmax
/// exp of each score, divided by the sum of all.
fn softmax(scores: [f32; 2]) -> [f32; 2] {
    let grown = scores.map(f32::exp);
    let sum = grown[0] + grown[1];
    grown.map(|g| g / sum)
}

/// The same on paper, but the largest exp is exp(0) = 1.
fn safe_softmax(scores: [f32; 2]) -> [f32; 2] {
    let largest = scores[0].max(scores[1]);
    softmax(scores.map(|score| score - largest))
}
// ANCHOR_END: softmax

/// Runs the experiment.
pub fn run() {
    println!("DOUBLINGS");
    println!("  {:>12}{:>12}{:>16}", "doublings", "result", "and back: log2");
    for n in [-2, -1, 0, 1, 2, 3, 5, 10] {
        let result = 2f64.powi(n);
        println!("  {n:>12}{result:>12}{:>16}", result.log2());
    }

    println!("\nHOW FAST DOES base^x GROW? ITS SLOPE AT 0 AND AT 1");
    println!("  {:>12}{:>12}{:>12}{:>16}", "base", "slope at 0", "slope at 1", "slope / value");
    for base in [2.0, 2.5, std::f64::consts::E, 3.0] {
        let power = |x: f64| base.powf(x);
        let [at_0, at_1] = [slope(power, 0.0), slope(power, 1.0)];
        println!("  {base:>12.4}{at_0:>12.4}{at_1:>12.4}{:>16.4}", at_1 / power(1.0));
    }

    println!("\nEXP IS ITS OWN SLOPE");
    println!("  {:>12}{:>12}{:>12}", "x", "exp(x)", "slope");
    for x in [-1.0, 0.0, 1.0, 2.0, 3.0] {
        println!("  {x:>12}{:>12.4}{:>12.4}", f64::exp(x), slope(f64::exp, x));
    }

    println!("\nTHE SLOPE OF ln(x) IS 1 / x");
    println!("  {:>12}{:>12}{:>12}{:>12}", "x", "ln(x)", "slope", "1 / x");
    for x in [0.5, 1.0, 2.0, 4.0, 10.0] {
        println!("  {x:>12}{:>12.4}{:>12.4}{:>12.4}", f64::ln(x), slope(f64::ln, x), 1.0 / x);
    }

    println!("\nWHAT GOES WRONG: A LONG PRODUCT (0.1 times 0.1 times ..., in f32)");
    println!("  {:>12}{:>16}{:>20}", "factors", "product", "sum of logarithms");
    for count in [1, 10, 30, 37, 40, 44, 46, 100] {
        let (product, log) = product_and_log(0.1, count);
        println!("  {count:>12}{product:>16.3e}{log:>20.2}");
    }

    println!("\nWHAT GOES WRONG: exp OF A LARGE NUMBER (in f32)");
    println!("  {:>12}{:>16}", "x", "exp(x)");
    for x in [10f32, 88.0, 89.0, -88.0, -104.0] {
        println!("  {x:>12}{:>16.3e}", x.exp());
    }
    println!("  {:>12}{:>22}{:>26}", "scores", "shares", "largest subtracted first");
    for scores in [[2.0, 1.0], [1000.0, 999.0]] {
        let [[a, b], [c, d]] = [softmax(scores), safe_softmax(scores)];
        println!("  {:>5} {:>6}{a:>12.4}{b:>10.4}{c:>16.4}{d:>10.4}", scores[0], scores[1]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    #[test]
    fn multiplying_adds_the_doublings() {
        assert_eq!([8f64, 4.0, 32.0].map(f64::log2), [3.0, 2.0, 5.0]);
        assert_relative_eq!(8f64.ln() + 4f64.ln(), 32f64.ln(), epsilon = 1e-15);
        assert_relative_eq!(8f64.ln() / 2f64.ln(), 3.0, epsilon = 1e-15);
    }

    #[test]
    fn exp_is_its_own_slope_and_ln_has_one_over_x() {
        for x in [0.5, 1.0, 2.0, 4.0, 10.0] {
            assert_relative_eq!(slope(f64::exp, x), x.exp(), max_relative = 1e-8);
            assert_relative_eq!(slope(f64::ln, x), 1.0 / x, max_relative = 1e-8);
        }
    }

    #[test]
    fn a_long_product_vanishes_and_its_logarithm_does_not() {
        let (product, log) = product_and_log(0.1, 46);
        assert_eq!(product, 0.0);
        assert_relative_eq!(log, -46.0 * 10f32.ln(), max_relative = 1e-5);
    }

    #[test]
    fn subtracting_the_largest_changes_nothing_but_safety() {
        let (plain, safe) = (softmax([2.0, 1.0]), safe_softmax([2.0, 1.0]));
        assert_relative_eq!(plain[..], safe[..], epsilon = 1e-6);
        assert!(softmax([1000.0, 999.0])[0].is_nan());
        assert_eq!(safe_softmax([1000.0, 999.0]), safe);
    }
}
