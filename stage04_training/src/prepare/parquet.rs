//! Parquet: tables whose columns are stored one after another, in groups of rows.
//!
//! Most data sets of Hugging Face come in this form. A group of rows can be read without the
//! others, and a column without the rest of its group, so workers take whole groups.

use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;

use parquet::column::reader::{ColumnReader, get_typed_column_reader};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::fault::{Fault, Lost};
use super::walk::Flow;

/// How many rows are read at a time.
const ROWS: usize = 64;

/// About how many bytes each group of rows has in the file.
pub fn row_groups(path: &Path) -> Result<Vec<usize>, Fault> {
    let reader = open(path)?;
    let groups = reader.metadata().row_groups();
    Ok(groups.iter().map(|group| group.compressed_size().max(0) as usize).collect())
}

fn open(path: &Path) -> Result<SerializedFileReader<File>, Fault> {
    let shown = path.display().to_string();
    let file =
        File::open(path).map_err(|error| Fault::unreadable(&*shown, &error, Lost::RestOfFile))?;
    SerializedFileReader::new(file).map_err(|error| damaged(&shown, &error))
}

fn damaged(place: &str, error: &ParquetError) -> Fault {
    let problem = format!("not a whole Parquet file: {error}");
    Fault::new(place, problem, "fetch the file again", Lost::RestOfFile)
}

/// Hands out the texts of a column in one group of rows, each with the number of its row in the
/// file, from 1.
pub fn read(
    path: &Path,
    group: usize,
    field: &str,
    take: &mut dyn FnMut(u64, Result<&str, Fault>) -> Flow,
) -> Flow {
    let mut row = 1;
    match read_rows(path, group, field, &mut row, take) {
        Ok(flow) => flow,
        Err(fault) => take(row, Err(fault)),
    }
}

fn read_rows(
    path: &Path,
    group: usize,
    field: &str,
    row: &mut u64,
    take: &mut dyn FnMut(u64, Result<&str, Fault>) -> Flow,
) -> Result<Flow, Fault> {
    let shown = path.display().to_string();
    let reader = open(path)?;
    let before = &reader.metadata().row_groups()[..group];
    *row += before.iter().map(|group| group.num_rows().max(0) as u64).sum::<u64>();
    let place = |row: u64| format!("{shown}:{row}");
    let group = reader.get_row_group(group).map_err(|e| damaged(&shown, &e))?;
    let columns = group.metadata().columns();
    let name =
        |column: &parquet::file::metadata::ColumnChunkMetaData| column.column_path().string();
    let Some(number) = columns.iter().position(|column| name(column) == field) else {
        let others: Vec<String> = columns.iter().map(|c| format!("{:?}", name(c))).collect();
        return Err(Fault::new(
            place(*row),
            format!("no column {field:?} in {}", others.join(", ")),
            "name the column that has the text with --field",
            Lost::RestOfFile,
        ));
    };
    let depth = columns[number].column_descr().max_def_level();
    let column = group.get_column_reader(number).map_err(|e| damaged(&shown, &e))?;
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
        let (rows, _, _) = column
            .read_records(ROWS, optional, None, &mut values)
            .map_err(|e| damaged(&place(*row), &e))?;
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
                    let mut fault = Fault::not_utf8(&shown, 1, bytes.data(), Lost::Document);
                    fault.place = place(*row);
                    fault
                }),
            };
            if take(*row, text).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            *row += 1;
        }
    }
}
