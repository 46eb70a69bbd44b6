//! Slopes by nudging, and a walk downhill: the numbers of the book's chapter on slopes.
//!
//! What is left out: nudging each of a million numbers. That is what the rules are for, and
//! `stage01_bigram::gradcheck` is for checking the rules.

use stage01_bigram::gradcheck::check_gradient;

// ANCHOR: slope
/// How fast f rises at x: nudge x by h, see how far the result moves, divide.
fn slope(f: impl Fn(f64) -> f64, x: f64, h: f64) -> f64 {
    (f(x + h) - f(x)) / h
}

/// The same with a nudge to either side: the errors of the two sides nearly cancel.
fn slope_both_sides(f: impl Fn(f64) -> f64, x: f64, h: f64) -> f64 {
    (f(x + h) - f(x - h)) / (2.0 * h)
}
// ANCHOR_END: slope

fn square(x: f64) -> f64 {
    x * x
}

fn cube(x: f64) -> f64 {
    x * x * x
}

/// The slope of the cube, in numbers of 32 bits.
fn slope_of_cube_f32(x: f32, h: f32) -> f32 {
    let cube = |x: f32| x * x * x;
    (cube(x + h) - cube(x)) / h
}

// ANCHOR: loss
/// What goes in, and what should come out.
const X: [f64; 2] = [2.0, 1.0];
const TARGET: f64 = 5.0;

/// y = x · w
fn prediction(w: &[f64]) -> f64 {
    X[0] * w[0] + X[1] * w[1]
}

/// L = (y − target)²
fn loss(w: &[f64]) -> f64 {
    square(prediction(w) - TARGET)
}
// ANCHOR_END: loss

// ANCHOR: gradient
/// The slope of the loss for each weight, by the chain rule.
fn gradient(w: &[f64]) -> [f64; 2] {
    let loss_by_y = 2.0 * (prediction(w) - TARGET); // first leg: L as y moves
    let y_by_w = X; //                                 second leg: y as each weight moves
    [loss_by_y * y_by_w[0], loss_by_y * y_by_w[1]]
}
// ANCHOR_END: gradient

// ANCHOR: downhill
/// One step downhill: each weight moves against its slope.
fn step(w: &mut [f64; 2], learning_rate: f64) {
    let slopes = gradient(w);
    for i in 0..2 {
        w[i] -= learning_rate * slopes[i];
    }
}
// ANCHOR_END: downhill

/// The losses of `steps` steps downhill from w = (1, 0), the first before any step.
fn walk(learning_rate: f64, steps: usize) -> Vec<f64> {
    let mut w = [1.0, 0.0];
    let mut losses = vec![loss(&w)];
    for _ in 0..steps {
        step(&mut w, learning_rate);
        losses.push(loss(&w));
    }
    losses
}

/// Runs the experiment.
pub fn run() {
    println!("A NUDGE, SMALLER AND SMALLER: x * x AT 3");
    println!("  {:>8}{:>14}", "h", "slope");
    for h in [1.0, 0.1, 0.01, 0.001] {
        println!("  {h:>8}{:>14.3}", slope(square, 3.0, h));
    }

    println!("\nWHICH RULE?");
    println!("  {:>8}{:>14}{:>14}", "x", "of x * x", "of x * x * x");
    for x in [-1.0, 0.0, 1.0, 2.0, 3.0] {
        let [second, third] = [slope(square, x, 1e-6), slope(cube, x, 1e-6)];
        println!("  {x:>8}{second:>14.3}{third:>14.3}");
    }

    println!("\nDOWNHILL, learning rate 0.05");
    println!("  {:>4}{:>8}{:>8}{:>8}{:>9}{:>18}", "step", "w1", "w2", "y", "loss", "slopes");
    let mut w = [1.0, 0.0];
    for number in 0..=5 {
        let (y, [s1, s2]) = (prediction(&w), gradient(&w));
        println!(
            "  {number:>4}{:>8.4}{:>8.4}{y:>8.4}{:>9.4}{s1:>10.4}{s2:>8.4}",
            w[0],
            w[1],
            loss(&w)
        );
        step(&mut w, 0.05);
    }

    println!("\nIS THE RULE RIGHT? NUDGE EVERY WEIGHT");
    // ANCHOR: check
    let mut w = [1.0, 0.0];
    match check_gradient(&mut w, &[-12.0, -6.0], 1e-8, loss) {
        Ok(agreement) => println!("  (-12, -6): {} slopes agree", agreement.checked),
        Err(mismatch) => println!("  (-12, -6): {mismatch}"),
    }
    match check_gradient(&mut w, &[-12.0, -3.0], 1e-8, loss) {
        Ok(agreement) => println!("  (-12, -3): {} slopes agree", agreement.checked),
        Err(mismatch) => {
            println!("  (-12, -3): slope {} should be {:.3}", mismatch.index, mismatch.numeric);
        }
    }
    // ANCHOR_END: check

    println!("\nWHAT GOES WRONG: A STEP TOO LONG");
    println!("  {:>13}   loss after 0, 1, 2, 3, 4 steps", "learning rate");
    for learning_rate in [0.05, 0.1, 0.2, 0.25] {
        let losses: String =
            walk(learning_rate, 4).iter().map(|loss| format!("{loss:>10.4}")).collect();
        println!("  {learning_rate:>13}{losses}");
    }

    println!("\nA COMPUTER KEEPS ABOUT SIXTEEN DIGITS");
    println!("  0.1 + 0.2              = {}", 0.1 + 0.2);
    println!("  0.1 + 0.2 == 0.3       is {}", 0.1 + 0.2 == 0.3);
    println!("  1 + 0.0000000000000001 = {}", 1.0 + 1e-16);

    println!("\nWHAT GOES WRONG: A NUDGE TOO LARGE OR TOO SMALL");
    println!("The slope of x * x * x at 1 is 3. How far off is each nudge?");
    println!("  {:>8}{:>14}{:>14}{:>14}", "h", "f32", "f64", "both sides");
    for power in 1..=16 {
        let h = 1.0 / 10f64.powi(power);
        let single = f64::from(slope_of_cube_f32(1.0, h as f32));
        let errors = [single, slope(cube, 1.0, h), slope_both_sides(cube, 1.0, h)]
            .map(|slope| format!("{:>14.1e}", (slope - 3.0).abs()));
        println!("  {h:>8.0e}{}", errors.concat());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    #[test]
    fn the_table_on_paper() {
        for (h, on_paper) in [(1.0, 7.0), (0.1, 6.1), (0.01, 6.01), (0.001, 6.001)] {
            assert_relative_eq!(slope(square, 3.0, h), on_paper, epsilon = 1e-9);
        }
    }

    #[test]
    fn the_rules_agree_with_nudges() {
        for x in [-1.0, 0.0, 1.0, 2.0, 3.0] {
            assert_relative_eq!(slope_both_sides(square, x, 1e-4), 2.0 * x, epsilon = 1e-7);
            assert_relative_eq!(slope_both_sides(cube, x, 1e-4), 3.0 * x * x, epsilon = 1e-7);
        }
    }

    #[test]
    fn the_gradient_on_paper() {
        let mut w = [1.0, 0.0];
        assert_eq!((prediction(&w), loss(&w), gradient(&w)), (2.0, 9.0, [-12.0, -6.0]));
        assert!(check_gradient(&mut w, &gradient(&[1.0, 0.0]), 1e-8, loss).is_ok());
        assert_eq!(check_gradient(&mut w, &[-12.0, -3.0], 1e-8, loss).unwrap_err().index, 1);
        assert_relative_eq!(slope(|w1| loss(&[w1, 0.0]), 1.0, 0.01), -11.96, epsilon = 1e-9);
    }

    #[test]
    fn a_step_halves_the_distance_and_quarters_the_loss() {
        let mut w = [1.0, 0.0];
        step(&mut w, 0.05);
        assert_relative_eq!(w[..], [1.6, 0.3][..], epsilon = 1e-12);
        assert_relative_eq!(walk(0.05, 2)[..], [9.0, 2.25, 0.5625][..], epsilon = 1e-9);
    }

    #[test]
    fn long_steps_jump_to_and_fro_or_away() {
        assert_relative_eq!(walk(0.2, 2)[..], [9.0, 9.0, 9.0][..], epsilon = 1e-9);
        assert_relative_eq!(walk(0.25, 2)[..], [9.0, 20.25, 45.5625][..], epsilon = 1e-9);
    }

    #[test]
    fn the_best_nudge_lies_in_between() {
        let error = |h| (slope(cube, 1.0, h) - 3.0).abs();
        assert!(error(1e-8) < error(1e-2) && error(1e-8) < error(1e-14));
        assert_eq!(slope(cube, 1.0, 1e-17), 0.0); // 1 + h is 1: nothing moved
    }
}
