//! Parquet files, the format of most Hugging Face data sets. Only with the feature `parquet`.

#![cfg(all(feature = "parquet", feature = "cli"))]

mod common;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use common::*;
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use stage04_training::manifest::Manifest;

/// Writes a table of numbers and texts with `group` rows per row group; `None` is null.
fn table(path: &Path, compression: Compression, rows: &[Option<&[u8]>], group: usize) {
    let schema = "message row { required int64 id; optional binary text (UTF8); }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = WriterProperties::builder().set_compression(compression).build();
    let file = File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).unwrap();
    for rows in rows.chunks(group) {
        let mut columns = writer.next_row_group().unwrap();
        let ids: Vec<i64> = (0..rows.len() as i64).collect();
        let mut column = columns.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&ids, None, None).unwrap();
        column.close().unwrap();
        let levels: Vec<i16> = rows.iter().map(|row| i16::from(row.is_some())).collect();
        let texts: Vec<ByteArray> = rows.iter().flatten().map(|t| t.to_vec().into()).collect();
        let mut column = columns.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&texts, Some(&levels), None).unwrap();
        column.close().unwrap();
        columns.close().unwrap();
    }
    writer.close().unwrap();
}

#[test]
fn the_rows_of_a_table_are_documents() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let documents = documents(500);
    let texts: Vec<&str> = documents.iter().map(String::as_str).collect();
    put(at, "lines.jsonl", jsonl(&texts));
    let flags = "--tokenizer bpe:400 --validation 0.1 --split document";
    good(at, &format!("--input lines.jsonl --out lines {flags}"));
    let rows: Vec<_> = texts.iter().map(|text| Some(text.as_bytes())).collect();
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::ZSTD(Default::default()),
        Compression::GZIP(Default::default()),
        Compression::LZ4_RAW,
    ];
    for codec in codecs {
        table(&at.join("rows.parquet"), codec, &rows, 130);
        std::fs::remove_dir_all(at.join("rows")).ok();
        good(at, &format!("--input rows.parquet --out rows {flags}"));
        assert!(shards(&at.join("rows")) == shards(&at.join("lines")), "{codec:?}");
    }
}

#[test]
fn faults_in_tables_are_located() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let rows: [Option<&[u8]>; 5] = [Some(b"a"), None, Some(b"b\xFF"), Some(b""), Some(b"the last")];
    table(&at.join("rows.parquet"), Compression::SNAPPY, &rows, 2);
    let flags = "--tokenizer char --validation 0 --split document --out out";
    let error = bad(at, &format!("--input rows.parquet {flags}"));
    assert!(error.contains("rows.parquet:2: the column \"text\" is null"), "{error}");
    let error = bad(at, &format!("--input rows.parquet {flags} --field body --restart"));
    assert!(error.contains(r#"no column "body" in "id", "text""#), "{error}");
    let error = bad(at, &format!("--input rows.parquet {flags} --field id --restart"));
    assert!(error.contains("the column \"id\" has no texts"), "{error}");
    good(at, &format!("--input rows.parquet {flags} --on-error skip --restart"));
    let manifest = Manifest::load(&at.join("out")).unwrap();
    assert_eq!(
        (manifest.train.documents, manifest.left_out.faults, manifest.left_out.empty),
        (2, 2, 1)
    );
    assert!(manifest.left_out.first_faults[1].starts_with("rows.parquet:3: not UTF-8"));

    let whole = std::fs::read(at.join("rows.parquet")).unwrap();
    put(at, "cut.parquet", &whole[..whole.len() / 2]);
    let error = bad(at, "--input cut.parquet --tokenizer char --out cut --split tail");
    assert!(error.contains("cut.parquet: not a complete Parquet file"), "{error}");
    put(at, "in.tar", tar(&[("rows.parquet", &whole)]));
    let error = bad(at, "--input in.tar --tokenizer char --out in --split tail");
    assert!(error.contains("in.tar!rows.parquet: a Parquet file inside another file"), "{error}");
}

/// Writes a table with a column of lists or of structures.
fn nested(path: &Path, schema: &str, levels: [&[i16]; 2]) {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let file = File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Default::default()).unwrap();
    let mut columns = writer.next_row_group().unwrap();
    let texts: Vec<ByteArray> = ["one", "two"].map(ByteArray::from).to_vec();
    while let Some(mut column) = columns.next_column().unwrap() {
        let [definition, repetition] = levels.map(Some);
        column.typed::<ByteArrayType>().write_batch(&texts, definition, repetition).unwrap();
        column.close().unwrap();
    }
    columns.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn lists_are_not_read_and_structures_have_columns() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let list = "message row { optional group text (LIST) { repeated group list { \
                optional binary element (UTF8); } } }";
    nested(&at.join("list.parquet"), list, [&[3, 3], &[0, 1]]);
    let flags = "--tokenizer char --validation 0 --split document --out out --restart";
    for field in ["text", "text.list", "text.list.element"] {
        let error = bad(at, &format!("--input list.parquet --field {field} {flags}"));
        let expected = format!("the column \"{field}\" holds lists, which are not read");
        assert!(error.contains(&expected), "{error}");
    }
    let group = "message row { optional group meta { optional binary text (UTF8); \
                 optional binary html (UTF8); } }";
    nested(&at.join("group.parquet"), group, [&[2, 2], &[0, 0]]);
    good(at, &format!("--input group.parquet --field meta.text {flags}"));
    let error = bad(at, &format!("--input group.parquet --field meta {flags}"));
    assert!(error.contains(r#"is made of columns: "meta.text", "meta.html""#), "{error}");
}

#[test]
fn a_damaged_table_is_a_fault_and_never_a_panic() {
    use stage04_training::prepare::fuzz;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let documents = documents(60);
    let rows: Vec<_> = documents.iter().map(|text| Some(text.as_bytes())).collect();
    let mut state = 7u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize
    };
    let mut damaged = 0;
    for codec in
        [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(Default::default())]
    {
        table(&at.join("whole.parquet"), codec, &rows, 25);
        let whole = std::fs::read(at.join("whole.parquet")).unwrap();
        assert_eq!(fuzz::file(&at.join("whole.parquet"), 1 << 20).documents, documents);
        for _ in 0..700 {
            let mut bytes = whole.clone();
            for _ in 0..1 + next() % 3 {
                // Half of the changes are in the index at the end.
                let place = match next() % 2 {
                    0 => next() % bytes.len(),
                    _ => bytes.len() - 1 - next() % 600,
                };
                match next() % 3 {
                    0 => bytes[place] = next() as u8,
                    1 => bytes[place] ^= 1 << (next() % 8),
                    _ => bytes[place] = [0, 1, 0x7F, 0x80, 0xFF][next() % 5],
                }
            }
            let path = put(at, "damaged.parquet", &bytes);
            damaged += usize::from(!fuzz::file(&path, 1 << 20).faults.is_empty());
        }
    }
    assert!(damaged > 500, "{damaged}");
}
