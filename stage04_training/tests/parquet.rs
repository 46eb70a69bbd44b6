//! Parquet files, as the data sets of Hugging Face come. Only with the feature `parquet`.

#![cfg(feature = "parquet")]

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

/// Writes a table of numbers and texts, so many rows in a group; `None` is null.
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
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
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
fn faults_in_tables_are_placed() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
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
    assert!(error.contains("cut.parquet: not a whole Parquet file"), "{error}");
    put(at, "in.tar", tar(&[("rows.parquet", &whole)]));
    let error = bad(at, "--input in.tar --tokenizer char --out in --split tail");
    assert!(error.contains("in.tar!rows.parquet: a Parquet file inside another file"), "{error}");
}
