//! The book of the course. Not written yet.
//!
//! It will explain the crates of this workspace chapter by chapter, take every line of code it
//! shows from them, and run every command whose output it shows. Until then the crates'
//! own documentation is the text: `cargo doc --open`.
