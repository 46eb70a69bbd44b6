//! An experiment: how large must weights be so that numbers keep their size?
//!
//! Ten linear layers, each from 256 inputs to 256 outputs and without a bias, stand one after
//! the other. Numbers of size 1 go in. The weights are random, around zero, and `STD` is their
//! standard deviation: their usual size. The check prints how large the numbers are after each
//! layer.
//!
//! Change `STD`, run the exercise, and look. Then write down what you found, and why.

/// The standard deviation of the weights. Try several.
pub const STD: f64 = 0.2;

/// With which standard deviation do the numbers keep their size? Find it by trying, and then
/// say it exactly: it is 1 divided by a whole number.
pub fn std_that_keeps() -> f64 {
    // SOLUTION
    1.0 / 16.0
    // STUB
    // todo!()
    // END
}

/// With weights of HALF that size: by which factor are the numbers smaller after ten layers?
/// (Work it out, and hold it to the experiment.)
pub fn ten_layers_with_half() -> f64 {
    // SOLUTION
    1024.0
    // STUB
    // todo!()
    // END
}

/// Why is it this standard deviation?
///
/// - 'a': an output adds up 256 products, and their sizes add up to 256 times one of them
/// - 'b': most of the sum cancels, and what is left grows as the root of 256
/// - 'c': ten layers share the work, so each may make the numbers a tenth larger
/// - 'd': smaller weights would be rounded to zero
pub fn why() -> char {
    // SOLUTION
    'b'
    // STUB
    // todo!()
    // END
}
