//! Work these out on paper, with the rules of the chapter. No calculator is needed: all of the
//! answers are whole numbers.

/// The logarithm of 1/32 to the base 2.
pub fn log2_of_one_32nd() -> i64 {
    // SOLUTION
    -5
    // STUB
    // todo!()
    // END
}

/// A text has 100 tokens, and a model gives each of them the probability 1/8. How many bits has
/// the logarithm of the probability of the text, without its sign?
pub fn bits_of_the_text() -> i64 {
    // SOLUTION
    300
    // STUB
    // todo!()
    // END
}

/// x rises by 3 ln(2). How many times as large does exp(x) become?
pub fn times_as_large() -> i64 {
    // SOLUTION
    8
    // STUB
    // todo!()
    // END
}

/// The slope of ln(x^2) at x = 2. (Chain rule: the square first, then ln. Or a rule of ln.)
pub fn slope_of_ln_of_the_square() -> f64 {
    // SOLUTION
    1.0
    // STUB
    // todo!()
    // END
}

/// The slope of exp(3x) at x = 0.
pub fn slope_of_exp_of_three_x() -> f64 {
    // SOLUTION
    3.0
    // STUB
    // todo!()
    // END
}
