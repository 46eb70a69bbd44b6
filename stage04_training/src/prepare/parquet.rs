//! Parquet: tables whose columns are stored one after another, in groups of rows.
//!
//! Most Hugging Face data sets have this format. A group of rows can be read without the others,
//! and a column without the rest of its group, so workers take whole groups.
//!
//! The crate `parquet` does not validate all of a file. Sizes that it would allocate are checked
//! first (`pages`); a panic of the crate is reported as a fault of the file.

mod pages;

use std::cell::Cell;
use std::fs::File;
use std::ops::ControlFlow;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Once;

use parquet::column::reader::{ColumnReader, get_typed_column_reader};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::fault::{Fault, Lost};

/// The number of rows per read.
const ROWS: usize = 64;

/// Takes the number of a row and its text or fault; returns whether to continue.
pub type Take<'t> = dyn FnMut(u64, Result<&str, Fault>) -> ControlFlow<()> + 't;

/// The approximate number of bytes of each group of rows in the file.
pub fn row_groups(path: &Path) -> Result<Vec<usize>, Fault> {
    let (reader, _) = open(path)?;
    let groups = reader.metadata().row_groups();
    Ok(groups.iter().map(|group| group.compressed_size().max(0) as usize).collect())
}

fn open(path: &Path) -> Result<(SerializedFileReader<File>, File), Fault> {
    let shown = path.display().to_string();
    let open = || {
        let file = File::open(path)?;
        Ok((file.try_clone()?, file))
    };
    let (file, again) =
        open().map_err(|error| Fault::unreadable(&*shown, &error, Lost::RestOfFile))?;
    Ok((guarded(&shown, || SerializedFileReader::new(file))?, again))
}

fn damaged(place: &str, problem: impl std::fmt::Display) -> Fault {
    let problem = format!("not a complete Parquet file: {problem}");
    Fault::new(place, problem, "fetch the file again", Lost::RestOfFile)
}

thread_local! {
    /// Whether this thread runs code of the crate `parquet`.
    static READING: Cell<bool> = const { Cell::new(false) };
}

/// Calls the crate `parquet`. A panic there is not printed, and becomes a fault at this place.
fn guarded<T>(place: &str, read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, Fault> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !READING.get() {
                usual(info);
            }
        }));
    });
    READING.set(true);
    // Its state after a panic is dropped with its reader.
    let read = panic::catch_unwind(AssertUnwindSafe(read));
    READING.set(false);
    match read {
        Ok(read) => read.map_err(|error| damaged(place, error)),
        Err(_) => Err(damaged(place, "its parts contradict each other")),
    }
}

/// Passes the texts of a column in one group of rows to `take`, each with the number of its row in
/// the file, from 1.
pub fn read(path: &Path, group: usize, field: &str, take: &mut Take<'_>) -> ControlFlow<()> {
    let mut row = 1;
    match read_rows(path, group, field, &mut row, take) {
        Ok(flow) => flow,
        Err(fault) => take(row, Err(fault)),
    }
}

/// The number of the column that has the text, and its maximum definition level.
fn column(group: &RowGroupMetaData, field: &str, place: &str) -> Result<(usize, i16), Fault> {
    let columns = group.columns();
    let name = |number: usize| columns[number].column_path().string();
    let remedy = "name the column that has the text with --field";
    let fault = |problem| Err(Fault::new(place, problem, remedy, Lost::RestOfFile));
    // Lists and structures consist of columns whose names begin with the outer name.
    let inside = |number: &usize| {
        name(*number)
            .strip_prefix(field)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let found: Vec<usize> = (0..columns.len()).filter(inside).collect();
    let descriptor = |number: usize| columns[number].column_descr();
    match found[..] {
        [] => {
            let all: Vec<String> = (0..columns.len()).map(|n| format!("{:?}", name(n))).collect();
            fault(format!("no column {field:?} in {}", all.join(", ")))
        }
        [first, ..] if descriptor(first).max_rep_level() > 0 => Err(Fault::new(
            place,
            format!("the column {field:?} holds lists, which are not read"),
            "name a column of texts with --field, or write a file with one text per row",
            Lost::RestOfFile,
        )),
        [only] if name(only) == field => Ok((only, descriptor(only).max_def_level())),
        _ => {
            let all: Vec<String> = found.iter().map(|&n| format!("{:?}", name(n))).collect();
            fault(format!("the column {field:?} is made of columns: {}", all.join(", ")))
        }
    }
}

fn read_rows(
    path: &Path,
    group: usize,
    field: &str,
    row: &mut u64,
    take: &mut Take<'_>,
) -> Result<ControlFlow<()>, Fault> {
    let shown = path.display().to_string();
    let (reader, file) = open(path)?;
    let groups = reader.metadata().row_groups();
    let (before, this) = (groups.get(..group), groups.get(group));
    let (Some(before), Some(this)) = (before, this) else {
        return Err(damaged(&shown, "it was changed in the meantime"));
    };
    let before = before.iter().map(|group| group.num_rows().max(0) as u64);
    *row = before.fold(*row, u64::saturating_add);
    let place = |row: u64| format!("{shown}:{row}");
    let (number, depth) = column(this, field, &place(*row))?;
    let column = this.column(number);
    let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
    let pages = match (u64::try_from(start), u64::try_from(column.compressed_size())) {
        (Ok(start), Ok(length)) => pages::check(&file, start, length)
            .map_err(|error| Fault::unreadable(&*shown, &error, Lost::RestOfFile))?,
        _ => Some("the position of a column is invalid"),
    };
    if let Some(problem) = pages {
        return Err(damaged(&place(*row), problem));
    }
    let column = guarded(&shown, || reader.get_row_group(group)?.get_column_reader(number))?;
    if !matches!(column, ColumnReader::ByteArrayColumnReader(_)) {
        return Err(Fault::new(
            place(*row),
            format!("the column {field:?} has no texts"),
            "name the column that has the text with --field",
            Lost::RestOfFile,
        ));
    }
    let mut column = get_typed_column_reader::<ByteArrayType>(column);
    let (mut levels, mut values): (Vec<i16>, Vec<ByteArray>) = (Vec::new(), Vec::new());
    loop {
        levels.clear();
        values.clear();
        let optional = (depth > 0).then_some(&mut levels);
        let (rows, _, _) =
            guarded(&place(*row), || column.read_records(ROWS, optional, None, &mut values))?;
        if rows == 0 {
            return Ok(ControlFlow::Continue(()));
        }
        let mut texts = values.iter();
        for number in 0..rows {
            let text = match levels.get(number) {
                Some(&level) if level < depth => None,
                _ => texts.next(),
            };
            let text = match text {
                None => Err(Fault::new(
                    place(*row),
                    format!("the column {field:?} is null, expected a text"),
                    "name the column that has the text with --field",
                    Lost::Document,
                )),
                Some(bytes) => std::str::from_utf8(bytes.data()).map_err(|_| {
                    // The row number stands for the line number.
                    let fault = Fault::not_utf8(&shown, 1, bytes.data(), Lost::Document);
                    Fault::new(place(*row), fault.problem, fault.remedy, Lost::Document)
                }),
            };
            if take(*row, text).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            *row += 1;
        }
    }
}
