//! An experiment: what do many tosses of a coin settle, and what do they not settle?
//!
//! The check lets a thousand people toss a coin TOSSES times each. For every person it looks at
//! two numbers: how far the share of heads is from 1/2, and how far the number of heads is from
//! half of the tosses. Of both it prints the typical size, the root mean square over the
//! thousand people. Run it with the 100 tosses below. Then change TOSSES, a few times, and
//! answer:
//!
//! 1. With 100 tosses the share is typically off by about 0.05. After how many tosses is it
//!    0.01? Use the rule of the chapter, then try your number. The answer is a round number.
//! 2. When there are more tosses, how far is the *number* of heads from half of the tosses?
//!
//!   'a'  it comes nearer to 0: chance evens out
//!   'b'  it stays about the same
//!   'c'  it grows, but more slowly than the tosses: four times as many make it twice as large
//!   'd'  it grows as the tosses do: four times as many make it four times as large
//!
//! 3. A coin has shown heads ten times in a row. Why does the share of heads still come near to
//!    1/2 in the end?
//!
//!   'a'  tails are a little more likely for a while, until the ten are made up for
//!   'b'  the ten stay, and weigh less and less among all that follow
//!   'c'  it does not: such a coin must be false

/// How often each person tosses the coin. Up to 1,000,000.
pub const TOSSES: usize = 100;

/// After how many tosses the share of heads is typically off by 0.01.
pub fn tosses_for_one_hundredth() -> usize {
    // SOLUTION
    2500
    // STUB
    // todo!()
    // END
}

/// What becomes of the distance between the number of heads and half of the tosses: 'a' to 'd'.
pub fn distance_of_the_number() -> char {
    // SOLUTION
    'c'
    // STUB
    // todo!()
    // END
}

/// What becomes of ten heads in a row: 'a', 'b' or 'c'.
pub fn after_ten_heads() -> char {
    // SOLUTION
    'b'
    // STUB
    // todo!()
    // END
}
