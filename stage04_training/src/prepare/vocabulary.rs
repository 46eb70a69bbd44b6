//! The tokenizer of a data set, and what must be known of the text to make it.

use std::collections::BTreeSet;
use std::io::{self, BufRead, Cursor, Read};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use stage01_bigram::tokenizer::{BpeTokenizer, Tokenizer, TokenizerKind};
use stage01_bigram::{Error, Result};

use super::decode::LARGEST_WINDOW;
use super::encode::Tail;
use super::fate::{Choice, Fate};
use super::fault::Fault;
use super::inputs::{Input, Source};
use super::kind::{Format, HEAD, Kind, inner_name, kind};
use super::pipeline::{Event, Pipeline, Position};
use super::progress::Progress;
use super::run::Run;
use super::scan::{Scanner, Summary, Wanted};
use super::settings::OnError;
use super::texts::{Digest, Note, Text};
use crate::manifest::{SplitBy, SplitEntry};

/// Makes the tokenizer, looking through the text first where that is needed. Also says where the
/// validation part begins, if it is the end of the text.
pub(super) fn make(
    run: &Run<'_>,
    many: bool,
    split: SplitEntry,
    choice: Choice,
) -> Result<(Tokenizer, Option<Tail>)> {
    let kind = &run.settings.tokenizer;
    let tail = split.by == SplitBy::Tail;
    let wanted = Wanted::new(
        matches!(kind, TokenizerKind::Char),
        matches!(kind, TokenizerKind::Bpe { .. }),
        tail,
    );
    if wanted.is_nothing() {
        // GPT-2's, or a file: what is given is not trained.
        return Ok((given(run)?, None));
    }
    run.read.store(0, Ordering::Relaxed);
    let mut progress = Progress::new(run.screen, "looks", run.inputs.bytes(), run.read);
    let mut summary = Summary::new(&wanted);
    run.pipeline(choice).run(
        Position::default(),
        |job| Scanner::new(&wanted, job),
        |event| {
            match event {
                Event::Chunk(found) => {
                    if let (OnError::Stop, Some(fault)) = (run.settings.on_error, found.fault()) {
                        return Err(fault.clone().into_error());
                    }
                    summary.add(found);
                }
                Event::Done(_) => progress.update(),
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
                characters.insert('\n'); // it stands between documents
            }
            kind.train(&characters.into_iter().collect::<String>())
        }
        TokenizerKind::Bpe { vocab_size } => {
            let text = summary.training_text(tail);
            match &run.settings.end_token {
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
        TokenizerKind::Gpt2 | TokenizerKind::File(_) => given(run),
    };
    let tokenizer = tokenizer.map_err(|error| match error {
        Error::Text { .. } => Error::text(
            "the input",
            match &fault {
                Some(fault) => format!(
                    "there is no text in it to make a vocabulary from; a fault was skipped: {}",
                    fault.line()
                ),
                None => "there is no text in it to make a vocabulary from".into(),
            },
            "give more text, a smaller --validation or a larger --sample",
        ),
        other => other,
    })?;
    Ok((tokenizer, tail))
}

/// The tokenizer that is not trained.
fn given(run: &Run<'_>) -> Result<Tokenizer> {
    match run.given {
        Some(tokenizer) => Ok(tokenizer.clone()),
        None => run.settings.tokenizer.train(""),
    }
}

/// Whether the input is a single document. What cannot be used counts as well: that is for the
/// next reading to deal with.
pub(super) fn is_single(run: &Run<'_>) -> Result<bool> {
    let files = &run.inputs.files;
    // Often the names and the first bytes tell, and a file of gigabytes need not be read for it.
    let mut texts = files.iter().filter(|file| is_text(file, run.settings.format).unwrap_or(false));
    match (texts.next(), texts.next()) {
        // There may be several documents in a text, and then it must be read.
        (Some(_), None) if files.len() == 1 && run.marker.is_none() => return Ok(true),
        (Some(_), Some(_)) => return Ok(false),
        _ => {}
    }
    let mut documents = 0;
    let pipeline = Pipeline {
        inputs: files,
        field: &run.settings.field,
        format: run.settings.format,
        marker: run.marker,
        choice: Choice { sample: 1.0, validation: 0.0 },
        threads: 1,
        read: &AtomicU64::new(0),
    };
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

/// Whether a file is one document, after all decompressing.
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

    fn end(&mut self, _: Fate) {}

    fn note(&mut self, note: Note) {
        // One document beside a fault is one of several.
        self.0 += match note {
            Note::Fault(_) => 2,
            // A text with a marker has documents, even if there is one so far.
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
