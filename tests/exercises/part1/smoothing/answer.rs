//! Experiment: how much smoothing?
//!
//! A bigram on characters counts the first CHARACTERS characters of the King James text. Then
//! it is measured on the text it counted, and on 50,000 characters from the last tenth of the
//! Bible. The check prints both losses for every k in K.
//!
//! Guess first: which k is best for 2,000 characters, and does it matter more or less there
//! than for 200,000? Then change the two settings, run the check as often as you like, and
//! write down what came out.

/// How many characters are counted. Try 2_000 and 200_000.
pub const CHARACTERS: usize = 20_000;

/// The k that are tried. The list may have any length.
pub const K: &[f64] = &[0.01, 1.0, 10.0];

/// Of 0.01, 0.03, 0.1, 0.3, 1 and 3: the k with the lowest *training* loss, for any number of
/// characters.
pub fn best_for_training() -> f64 {
    // SOLUTION
    0.01
    // STUB
    // todo!()
    // END
}

/// Of the same six: the k with the lowest *validation* loss, after 2,000 characters.
pub fn best_after_2_000() -> f64 {
    // SOLUTION
    0.3
    // STUB
    // todo!()
    // END
}

/// Of the same six: the k with the lowest validation loss, after 200,000 characters.
pub fn best_after_200_000() -> f64 {
    // SOLUTION
    0.1
    // STUB
    // todo!()
    // END
}

/// After 2,000 characters k = 10 costs about 0.77 nats more than the best k, on the validation
/// text. After 200,000 characters it costs less than 0.08. Why so much less?
///
/// - 'a': In the longer text there are fewer different characters.
/// - 'b': The longer text has the validation text in it, so the model knows it.
/// - 'c': The pretended marks of a row are as many as before, and its real ones are more.
/// - 'd': The loss of the longer text is lower, so everything costs less.
pub fn why() -> char {
    // SOLUTION
    'c'
    // STUB
    // todo!()
    // END
}
