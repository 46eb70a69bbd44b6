//! The book of the course: the program that builds, serves and checks it.
//!
//! The text lies beside this crate's code: chapters in `text`, quizzes, cards, recorded outputs,
//! the table of symbols. mdBook makes pages of it; what mdBook does not know is done here,
//! between its reading and its printing, in this process.
//!
//! ```text
//! build      mdBook from reading to pages; what is done before and after
//!   shelf      what lies beside the chapters, read once
//!     notation   symbols, and which of them a formula uses
//!     quiz, cards, recorded
//!   weave      a chapter becomes Markdown for mdBook, in the order of reading
//!     chapter    a chapter, its lines, its equations
//!     math       formulas found and set in type
//!     blocks     code, output, figure, quiz, symbols, equation
//!       cut      which lines of an output are shown
//!     exercises  the exercises of a chapter, and the table of all
//!     pages      notation, glossary, flashcards, index of equations
//!     insert     finished HTML that Markdown must not touch
//!     unused     what no chapter takes
//!   vocabulary every idea has one word
//!   links      every link leads somewhere
//!   source     a source file as a page
//! outputs    what is shown, made again and compared
//!   runs       commands, each run once
//! check      all of this, and a list of what is wrong
//! serve      the book in a browser
//! figures    pictures drawn by code
//! ```

pub mod blocks;
pub mod build;
pub mod cards;
pub mod chapter;
pub mod check;
pub mod cli;
pub mod code;
pub mod cut;
pub mod directive;
pub mod exercises;
pub mod figures;
pub mod insert;
pub mod links;
pub mod markdown;
pub mod math;
pub mod notation;
pub mod outputs;
pub mod pages;
pub mod places;
pub mod problem;
pub mod quiz;
pub mod recorded;
pub mod runs;
pub mod serve;
pub mod shelf;
pub mod source;
mod svg;
pub mod unused;
pub mod vocabulary;
pub mod weave;
