//! The parts in which the models of today differ from GPT-2, in plain loops.
//!
//! - [`rotary`]: rotary positions, in place of a table of learned ones.
//! - [`grouped`]: grouped-query attention, in which several query heads share a key/value head.

pub mod grouped;
pub mod rotary;

#[cfg(test)]
mod tests;
