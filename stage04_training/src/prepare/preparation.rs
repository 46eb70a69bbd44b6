//! The command from start to end: inspects the directory, reports, and writes in a safe order.

use std::fs;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use stage01_bigram::text::thousands;
use stage01_bigram::tokenizer::{Tokenizer, TokenizerKind};
use stage01_bigram::{Error, Result};
use stage03_gpt::files::{MODEL_FILE, TRAINER_FILE};
use xxhash_rust::xxh3::xxh3_64;

use super::encode::{Encoder, Encoding, Separator};
use super::inputs::Inputs;
use super::journal::{self, Found, Journal, PreparePlan};
use super::output_directory::OutputDirectory;
use super::pipeline::{Event, Pipeline};
use super::settings::{OnError, Settings};
use super::split::SplitRule;
use super::texts::Note;
use super::writer::{self, FaultWriter, PartWriter};
use super::{report, space, vocabulary};
use crate::checksummed;
use crate::manifest::{
    LeftOutEntry, Manifest, Split, SplitBy, SplitEntry, TOKENIZER_FILE, VERSION,
};
use crate::progress::Reporter;
use crate::shards::Shards;
use crate::units::{number, two_digits};

/// All documents, none of them for validation.
const TAKE_ALL: SplitRule = SplitRule { sample: 1.0, validation: 0.0 };

/// The state that an earlier run left.
pub(super) enum State {
    /// It has finished.
    Finished(Box<Manifest>),
    /// It was interrupted.
    Interrupted(Box<Journal>),
}

/// One run of the command.
pub(super) struct Preparation<'a> {
    /// The settings.
    pub(super) settings: &'a Settings,
    /// The tokenizer, unless it is made from the text.
    pub(super) given: Option<&'a Tokenizer>,
    /// The spelling that ends a document inside of a text.
    pub(super) marker: Option<&'a str>,
    /// The inputs.
    pub(super) inputs: &'a Inputs,
    /// Flags and inputs, as they are saved.
    pub(super) plan: &'a PreparePlan,
    /// Takes the messages.
    pub(super) reporter: &'a dyn Reporter,
    /// The number of bytes read from the inputs.
    pub(super) read: &'a AtomicU64,
}

impl Preparation<'_> {
    /// The state of the directory, if it can be used. Unless it is finished, the directory must be
    /// writable.
    pub(super) fn inspect(&self, output: &mut OutputDirectory) -> Result<Option<State>> {
        let Settings { out, restart, .. } = self.settings;
        let refuse = |problem: String, remedy: &str| Err(Error::format(out, problem, remedy));
        if *restart {
            output.require_writable()?;
        }
        // --restart also removes damaged files, but only our own.
        let found = match journal::inspect(out) {
            Err(Error::Format { .. }) if *restart => return self.beside_no_model().map(|()| None),
            found => found?,
        };
        match found {
            Found::Foreign(name) => {
                return refuse(
                    format!("it has a file {name} that `prepare` did not make"),
                    "name another directory with --out",
                );
            }
            Found::Finished(manifest) if !restart => return self.finished(manifest, output),
            _ => {}
        }
        output.require_writable()?;
        self.beside_no_model()?;
        match found {
            Found::Begun(plan, Some(journal)) if !restart => {
                if let Some(changed) = plan.difference(self.plan) {
                    return refuse(
                        format!("it has another interrupted run: {changed}"),
                        "give the same flags and files to continue, or start over with --restart",
                    );
                }
                journal.check(out, self.inputs.files.len(), self.settings.shard_tokens)?;
                if plan != *self.plan {
                    self.plan.save(out)?;
                }
                Ok(Some(State::Interrupted(journal)))
            }
            // Without a journal the earlier run has written no tokens.
            _ => Ok(None),
        }
    }

    /// Checks that a finished directory has these flags and inputs, and is undamaged.
    fn finished(&self, manifest: Box<Manifest>, output: &OutputDirectory) -> Result<Option<State>> {
        let Settings { out, verify, .. } = self.settings;
        let changed = journal::flag_difference(&manifest.flags, &self.plan.flags);
        let changed = changed.or_else(|| {
            let same = manifest.inputs == self.inputs.entry();
            (!same).then(|| "the input files are no longer the same".to_string())
        });
        if let Some(changed) = changed {
            let problem = format!("it holds other tokens: {changed}");
            let remedy = "name another directory with --out, or make it again with --restart";
            return Err(Error::format(out, problem, remedy));
        }
        let shards = Shards::open(out)?;
        shards.tokenizer()?;
        if *verify {
            shards.verify(self.reporter)?;
        }
        if output.is_writable() {
            journal::tidy(out)?;
        }
        self.reporter.line(&format!(
            "{} is already finished ({} tokens for training, {} for validation); --restart makes it again.",
            out.display(),
            thousands(manifest.train.tokens as usize),
            thousands(manifest.validation.tokens as usize),
        ));
        Ok(Some(State::Finished(manifest)))
    }

    /// Refuses the directory of a model, because its tokenizer.json must not be replaced.
    fn beside_no_model(&self) -> Result<()> {
        let out = &self.settings.out;
        match [MODEL_FILE, TRAINER_FILE].iter().find(|name| out.join(name).exists()) {
            None => Ok(()),
            Some(name) => Err(Error::format(
                out,
                format!("it has a model ({name})"),
                "name another directory with --out",
            )),
        }
    }

    /// Continues an interrupted run: checks that the text would be split in the same way, and
    /// verifies all that it has written.
    pub(super) fn resume(&self, journal: Journal) -> Result<(Journal, Tokenizer)> {
        let out = &self.settings.out;
        let many = !vocabulary::is_single(&self.pipeline(TAKE_ALL))?;
        if (many, self.split(many)?) != (journal.many, journal.split) {
            let problem = "its interrupted run split the text in another way";
            return Err(Error::format(out, problem, "start over with --restart"));
        }
        writer::verify_tokenizer(out, &journal)?;
        let tokenizer = Tokenizer::load(&out.join(TOKENIZER_FILE))?;
        writer::verify(out, &journal, token_bytes(&tokenizer), self.reporter)?;
        Ok((journal, tokenizer))
    }

    /// The pipeline that reads the inputs.
    fn pipeline(&self, rule: SplitRule) -> Pipeline<'_> {
        Pipeline {
            inputs: &self.inputs.files,
            field: &self.settings.field,
            format: self.settings.format,
            marker: self.marker,
            rule,
            threads: self.settings.threads(),
            read: self.read,
        }
    }

    /// Starts a new run: checks the disk space, scans the text, makes the vocabulary.
    pub(super) fn begin(&self, output: &OutputDirectory) -> Result<(Journal, Tokenizer)> {
        let Settings { out, tokenizer, .. } = self.settings;
        if !self.settings.force {
            let (bytes_per_token, token_bytes) = match tokenizer {
                TokenizerKind::Char => (1.0, 2),
                TokenizerKind::Bpe { vocab_size } if *vocab_size > 1 << 16 => (4.0, 4),
                TokenizerKind::Bpe { vocab_size } if *vocab_size < 8000 => (2.5, 2),
                _ => (3.5, 2),
            };
            let needed =
                space::estimate(self.inputs, self.settings.sample, bytes_per_token, token_bytes);
            space::require(needed, out)?;
        }
        let many = !vocabulary::is_single(&self.pipeline(TAKE_ALL))?;
        let split = self.split(many)?;
        let pipeline = self.pipeline(self.split_rule(split));
        let (tokenizer, tail) =
            vocabulary::make(self.settings, self.given, &pipeline, many, split, self.reporter)?;
        // Writes, and removes the old files, only now that nothing but the disk can fail.
        output.require_held()?;
        self.plan.save(out)?;
        journal::clear(out)?;
        let path = out.join(TOKENIZER_FILE);
        tokenizer.save(&path)?;
        let sum = xxh3_64(&fs::read(&path).map_err(Error::file("read", &path))?);
        let left_out =
            LeftOutEntry { ignored: self.inputs.ignored.clone(), ..LeftOutEntry::default() };
        let journal = Journal::new(checksummed::hex(sum), split, many, tail, left_out);
        journal.save(out)?;
        Ok((journal, tokenizer))
    }

    /// How the text is split.
    fn split(&self, many: bool) -> Result<SplitEntry> {
        let by = match self.settings.split {
            Some(SplitBy::Document) if !many => {
                return Err(Error::setting(
                    "--split",
                    "document",
                    "the input is a single document, which cannot be in both sets; use \
                     --split tail, or give more documents (in JSON lines, each line is one)",
                ));
            }
            Some(by) => by,
            None if many => SplitBy::Document,
            None => SplitBy::Tail,
        };
        if !many && self.settings.sample < 1.0 {
            let expected = "the input is a single document; take a shorter text instead";
            return Err(Error::setting("--sample", number(self.settings.sample), expected));
        }
        let usual = match by {
            SplitBy::Tail => 0.1,
            // Ten megabytes give a precise validation loss; of little text, a tenth.
            SplitBy::Document => {
                two_digits((1e7 / self.inputs.bytes().max(1) as f64).clamp(0.0005, 0.1))
            }
        };
        Ok(SplitEntry { by, validation: self.settings.validation.unwrap_or(usual) })
    }

    fn split_rule(&self, split: SplitEntry) -> SplitRule {
        let by_document = split.by == SplitBy::Document;
        let validation = if by_document { split.validation } else { 0.0 };
        SplitRule { sample: self.settings.sample, validation }
    }

    /// Encodes all texts from the position of the journal on.
    pub(super) fn encode(
        &self,
        mut journal: Journal,
        tokenizer: &Tokenizer,
        output: &OutputDirectory,
    ) -> Result<Manifest> {
        let Settings { out, shard_tokens, commit_bytes, .. } = self.settings;
        let token_bytes = token_bytes(tokenizer);
        let encoding = Encoding {
            tokenizer,
            token_bytes,
            special_tokens: self.settings.special_tokens,
            separator: separator(tokenizer, journal.many)?,
            tail: journal.tail,
        };
        report::announce(self.reporter, self.settings, &journal, tokenizer);
        let resume =
            |which, entry| PartWriter::resume(out, which, token_bytes, *shard_tokens, entry);
        let mut writers = [
            resume(Split::Train, std::mem::take(&mut journal.train))?,
            resume(Split::Validation, std::mem::take(&mut journal.validation))?,
        ];
        let mut faults = FaultWriter::resume(out, &journal.faults)?;
        let before = self.inputs.files[..journal.position.file].iter().map(|input| input.bytes);
        let before = before.sum();
        self.read.store(before, Ordering::Relaxed);
        let mut progress = self.reporter.begin("tokens", self.inputs.bytes(), before);
        let (mut uncommitted_bytes, mut last_commit) = (0, Instant::now());
        let start = journal.position;
        let rule = self.split_rule(journal.split);
        let commit =
            |writers: &mut [PartWriter; 2], faults: &mut FaultWriter, journal: &mut Journal| {
                journal.train = writers[0].commit()?.clone();
                journal.validation = writers[1].commit()?.clone();
                journal.faults = faults.commit()?;
                journal.save(out)
            };
        self.pipeline(rule).run(
            start,
            |job| Encoder::new(&encoding, job),
            |event| {
                output.require_held()?; // the next step may create a shard or write the journal
                match event {
                    Event::Chunk(chunk) => {
                        for (writer, which) in writers.iter_mut().zip(Split::ALL) {
                            let part = chunk.part(which);
                            uncommitted_bytes += part.tokens.len() as u64;
                            writer.append(part)?;
                        }
                        for note in chunk.notes {
                            self.note(note, &mut faults, &mut journal.left_out)?;
                        }
                    }
                    Event::Done(position) => {
                        journal.position = position;
                        if uncommitted_bytes >= *commit_bytes
                            || last_commit.elapsed().as_secs() >= 10
                        {
                            commit(&mut writers, &mut faults, &mut journal)?;
                            std::thread::sleep(Duration::from_millis(self.settings.pause_ms));
                            (uncommitted_bytes, last_commit) = (0, Instant::now());
                        }
                    }
                }
                progress.update(self.read.load(Ordering::Relaxed));
                Ok(ControlFlow::Continue(()))
            },
        )?;
        drop(progress);
        output.require_held()?;
        commit(&mut writers, &mut faults, &mut journal)?;
        self.finish(journal, &encoding)
    }

    /// Handles a note.
    fn note(
        &self,
        note: Note,
        faults: &mut FaultWriter,
        left_out: &mut LeftOutEntry,
    ) -> Result<()> {
        match note {
            Note::Fault(fault) if self.settings.on_error == OnError::Stop => {
                Err(fault.into_error())
            }
            Note::Fault(fault) => faults.append(&fault, left_out),
            Note::Ignored(suffix) => {
                *left_out.ignored.entry(suffix).or_default() += 1;
                Ok(())
            }
            Note::NotSampled => {
                left_out.not_sampled += 1;
                Ok(())
            }
            Note::Empty => {
                left_out.empty += 1;
                Ok(())
            }
            Note::Marker(_) => Ok(()), // counted with the text
        }
    }

    /// Writes the manifest, which marks the directory as finished.
    fn finish(&self, journal: Journal, encoding: &Encoding<'_>) -> Result<Manifest> {
        if journal.tail.is_some_and(|tail| tail.job > journal.position.job) {
            let problem = "its interrupted run expected more text before the validation set";
            return Err(Error::format(&self.settings.out, problem, "start over with --restart"));
        }
        let Journal { tokenizer_xxh3, train, validation, left_out, split, .. } = journal;
        if train.tokens == 0 {
            let given = if self.settings.input.is_empty() { "the input" } else { "--input" };
            return Err(Error::text(
                given,
                "no document of it is left for training",
                "give more text, a smaller --validation or a larger --sample, and start over \
                 with --restart",
            ));
        }
        let manifest = Manifest {
            version: VERSION,
            token_bytes: encoding.token_bytes,
            vocab_size: encoding.tokenizer.vocab_size(),
            end_of_text: encoding.tokenizer.end_of_text(),
            tokenizer_xxh3,
            split,
            train,
            validation,
            flags: self.plan.flags.clone(),
            inputs: self.inputs.entry(),
            left_out,
        };
        manifest.save(&self.settings.out)?;
        journal::tidy(&self.settings.out)?;
        report::summarise(self.reporter, self.settings, self.marker, &manifest);
        Ok(manifest)
    }
}

/// The bytes per token.
fn token_bytes(tokenizer: &Tokenizer) -> usize {
    if tokenizer.vocab_size() <= 1 << 16 { 2 } else { 4 }
}

/// The separator at the end of a document.
fn separator(tokenizer: &Tokenizer, many: bool) -> Result<Separator> {
    match tokenizer.end_of_text() {
        Some(token) => Ok(Separator::EndOfText(token)),
        None if !many => Ok(Separator::Nothing),
        None => tokenizer.encode("\n").map(Separator::LineBreak).map_err(|_| {
            Error::setting(
                "--tokenizer",
                "this file",
                "its vocabulary has neither an end-of-text token nor a line break, and documents \
                 must be separated by one of them; choose another tokenizer",
            )
        }),
    }
}
