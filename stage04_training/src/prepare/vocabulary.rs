//! Makes the tokenizer of a data set, with a scan of the text if needed.

use std::collections::BTreeSet;
use std::io::{self, BufRead, Cursor, Read};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use stage01_bigram::tokenizer::{BpeTokenizer, Tokenizer, TokenizerKind};
use stage01_bigram::{Error, Result};

use super::decode::LARGEST_WINDOW;
use super::encode::Tail;
use super::fault::Fault;
use super::inputs::{Input, Source};
use super::kind::{Format, HEAD, Kind, inner_name, kind};
use super::pipeline::{Event, Pipeline, Position};
use super::scan::{Scanner, Summary, Wanted};
use super::settings::{OnError, Settings};
use super::split::SplitAssignment;
use super::texts::{Digest, Note, Text};
use crate::manifest::{SplitBy, SplitEntry};
use crate::progress::Reporter;

/// Makes the tokenizer, and returns the start of the validation set if it is the end of the text.
/// Scans the text if needed.
///
/// given: the tokenizer, unless it is made from the text. many: whether there is more than one
/// document.
pub fn make(
    settings: &Settings,
    given: Option<&Tokenizer>,
    pipeline: &Pipeline<'_>,
    many: bool,
    split: SplitEntry,
    reporter: &dyn Reporter,
) -> Result<(Tokenizer, Option<Tail>)> {
    let kind = &settings.tokenizer;
    let given = || given.map_or_else(|| kind.train(""), |tokenizer| Ok(tokenizer.clone()));
    let tail = split.by == SplitBy::Tail;
    let wanted = Wanted::new(
        matches!(kind, TokenizerKind::Char),
        matches!(kind, TokenizerKind::Bpe { .. }),
        tail,
    );
    if wanted.is_nothing() {
        // GPT-2's, or a file: it is not trained.
        return Ok((given()?, None));
    }
    pipeline.read.store(0, Ordering::Relaxed);
    let mut progress = reporter.begin("scanned", pipeline.bytes(), 0);
    let mut summary = Summary::new(&wanted);
    pipeline.run(
        Position::default(),
        |job| Scanner::new(&wanted, job),
        |event| {
            match event {
                Event::Chunk(found) => {
                    if let (OnError::Stop, Some(fault)) = (settings.on_error, found.fault()) {
                        return Err(fault.clone().into_error());
                    }
                    summary.add(found);
                }
                Event::Done(_) => progress.update(pipeline.read.load(Ordering::Relaxed)),
            }
            Ok(ControlFlow::Continue(()))
        },
    )?;
    drop(progress);
    let fault = summary.fault().cloned();
    let tail = tail.then(|| summary.tail(split.validation));
    let tokenizer = match kind {
        TokenizerKind::Char => {
            let mut characters: BTreeSet<char> = summary.all_characters().chars().collect();
            if many {
                characters.insert('\n'); // separates documents
            }
            kind.train(&characters.into_iter().collect::<String>())
        }
        TokenizerKind::Bpe { vocab_size } => {
            let text = summary.training_text(tail);
            match &settings.end_token {
                // The last token ends documents.
                Some(content) => BpeTokenizer::train(&text, vocab_size - 1)
                    .and_then(|tokenizer| tokenizer.with_new_end_of_text(content)),
                None if many => {
                    BpeTokenizer::train(&text, vocab_size - 1).map(BpeTokenizer::with_end_of_text)
                }
                None => BpeTokenizer::train(&text, *vocab_size),
            }
            .map(Tokenizer::Bpe)
        }
        TokenizerKind::Gpt2 | TokenizerKind::File(_) => given(),
    };
    let tokenizer = tokenizer.map_err(|error| match error {
        Error::Text { .. } => Error::text(
            "the input",
            match &fault {
                Some(fault) => format!(
                    "it has no text to make a vocabulary from; a fault was skipped: {}",
                    fault.line()
                ),
                None => "it has no text to make a vocabulary from".into(),
            },
            "give more text, a smaller --validation or a larger --sample",
        ),
        other => other,
    })?;
    Ok((tokenizer, tail))
}

/// Whether the input is a single document. A fault counts as more than one; the next reading
/// handles it.
///
/// pipeline: must take all documents.
pub fn is_single(pipeline: &Pipeline<'_>) -> Result<bool> {
    let Pipeline { inputs: files, format, .. } = *pipeline;
    // Often names and first bytes suffice, so that no file of gigabytes is read.
    let mut texts = files.iter().filter(|file| is_text(file, format).unwrap_or(false));
    match (texts.next(), texts.next()) {
        // With a marker a text may have several documents, and must be read.
        (Some(_), None) if files.len() == 1 && pipeline.marker.is_none() => return Ok(true),
        (Some(_), Some(_)) => return Ok(false),
        _ => {}
    }
    let mut documents = 0;
    let pipeline = Pipeline { threads: 1, read: &AtomicU64::new(0), ..*pipeline };
    pipeline.run(
        Position::default(),
        |_| Counter(0),
        |event| {
            if let Event::Chunk(more) = event {
                documents += more;
            }
            Ok(if documents > 1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        },
    )?;
    Ok(documents == 1)
}

/// Whether a file is one document after decompression.
fn is_text(input: &Input, format: Format) -> io::Result<bool> {
    let Source::File { path, named } = &input.source else { return Ok(true) };
    let mut name = input.name.clone();
    let mut source: Box<dyn BufRead> = Box::new(io::BufReader::new(std::fs::File::open(path)?));
    for _ in 0..4 {
        let mut head = Vec::new();
        (&mut source).take(HEAD as u64).read_to_end(&mut head)?;
        match kind(&name, &head, *named, format) {
            Kind::Text => return Ok(!head.is_empty()),
            Kind::Compressed(compression) => {
                source =
                    compression.decode(Box::new(Cursor::new(head).chain(source)), LARGEST_WINDOW);
                name = inner_name(&name);
            }
            _ => return Ok(false),
        }
    }
    Ok(false)
}

/// Counts documents.
struct Counter(u64);

impl Digest for Counter {
    type Chunk = u64;

    fn text(&mut self, text: Text<'_>) -> std::result::Result<(), Fault> {
        self.0 += u64::from(text.first);
        Ok(())
    }

    fn end(&mut self, _: SplitAssignment) {}

    fn note(&mut self, note: Note) {
        // A document beside a fault is one of several.
        self.0 += match note {
            Note::Fault(_) => 2,
            // A text with a marker has documents, even if it is the first.
            Note::Empty | Note::NotSampled | Note::Marker(_) => 1,
            Note::Ignored(_) => 0,
        };
    }

    fn full(&mut self) -> Option<u64> {
        (self.0 > 1).then(|| std::mem::take(&mut self.0))
    }

    fn rest(&mut self) -> u64 {
        std::mem::take(&mut self.0)
    }
}
