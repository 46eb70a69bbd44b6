//! Everything that must hold before the book is given to a reader.

use mdbook_driver::errors::Result;

use crate::build::build;
use crate::outputs::{self, LIMIT};
use crate::places::Places;
use crate::problem::Problem;
use crate::vocabulary;

/// All that is wrong with a book: in the text, in what lies beside it, in the words of the whole
/// repository, and in the outputs that were recorded. Outputs that take longer than [`LIMIT`] are not run.
///
/// # Errors
/// When the book cannot be built at all.
pub fn check(places: &Places) -> Result<Vec<Problem>> {
    let directory = tempfile::tempdir()?;
    let built = build(places, directory.path())?;
    let mut problems = built.problems;
    problems.extend(vocabulary::problems(places));
    let jobs = outputs::jobs(&built.shelf);
    problems.extend(
        jobs.iter()
            .filter(|job| job.seconds <= LIMIT)
            .filter_map(|job| outputs::problem(&built.shelf, job)),
    );
    problems.sort();
    problems.dedup();
    Ok(problems)
}

/// How many problems there are, in words.
pub fn summary(problems: &[Problem]) -> String {
    match problems.len() {
        0 => "no problems".into(),
        1 => "1 problem".into(),
        n => format!("{n} problems"),
    }
}
