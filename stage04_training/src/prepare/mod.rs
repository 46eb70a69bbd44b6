//! From text of any size to files of tokens.
//!
//! A model does not read text, it reads tokens, millions of times. So text becomes tokens once,
//! before training, and 45 gigabytes of it are no different from 45 megabytes: nothing is ever
//! in memory as a whole, all cores work, and a command that was killed goes on where it was.
//!
//! | file | what it holds |
//! |---|---|
//! | `inputs` | from what a user names to a sorted list of files |
//! | `kind`, `decode` | what a file is; gzip, xz, zstd |
//! | `walk` | through archives in archives to documents |
//! | `cut` | long texts in segments |
//! | `texts`, `jsonl`, `parquet` | from bytes to texts, on all threads |
//! | `fate` | which part a document belongs to |
//! | `scan`, `vocabulary` | what must be known of the whole text first; the tokenizer |
//! | `encode` | from texts to tokens |
//! | `pipeline` | one reader, many workers, one writer |
//! | `writer`, `journal` | shards that survive a kill |
//! | `fault`, `progress`, `space` | what is said to people |
//!
//! What this module leaves out: cleaning text, finding near duplicates, and mixing sources in
//! given shares. Each of them is a step of its own, before this one.

mod cut;
mod decode;
mod encode;
mod fate;
mod fault;
mod inputs;
mod journal;
mod jsonl;
mod kind;
#[cfg(feature = "parquet")]
mod parquet;
mod pipeline;
mod progress;
mod scan;
mod space;
#[cfg(test)]
mod tests;
mod texts;
mod vocabulary;
mod walk;
mod writer;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde_json::{Value, json};
use stage01_bigram::screen::thousands;
use stage01_bigram::tokenizer::{DEFAULT_BPE_SIZE, Tokenizer, TokenizerKind};
use stage01_bigram::{Error, Result, files};
use stage03_gpt::cli::screen::{Screen, duration, remark};
use xxhash_rust::xxh3::xxh3_64;

use self::encode::{Encoder, Encoding, Separator, Tail};
use self::fate::Choice;
use self::inputs::Inputs;
use self::journal::{Found, Journal, Plan};
use self::pipeline::{Event, Pipeline};
use self::progress::{Progress, size};
use self::texts::Note;
use self::writer::{FaultWriter, PartWriter};
use crate::manifest::{
    LeftOutEntry, Manifest, PartEntry, Split, SplitBy, SplitEntry, TOKENIZER_FILE, VERSION,
};

/// How many tokens a shard holds unless told otherwise: 200 MB in two bytes each.
pub const SHARD_TOKENS: u64 = 100_000_000;

/// After how many bytes of tokens a run makes safe what it has, unless told otherwise.
pub const COMMIT_BYTES: u64 = 64 << 20;

/// What to do about something that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// End the command.
    Stop,
    /// Leave it out, count it, list it.
    Skip,
}

/// What to make from what. [`Settings::default`] makes the built-in text tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Files, folders and patterns; nothing means the built-in text.
    pub input: Vec<PathBuf>,
    /// The field of JSON lines, or the column of Parquet, that has the text.
    pub field: String,
    /// The vocabulary.
    pub tokenizer: TokenizerKind,
    /// The folder to make.
    pub out: PathBuf,
    /// How the text is divided. `None`: by document, or by place where there is only one.
    pub split: Option<SplitBy>,
    /// The fraction that is for validation. `None`: a tenth, or less of much text.
    pub validation: Option<f64>,
    /// The fraction of documents to take at all.
    pub sample: f64,
    /// The most tokens of a shard.
    pub shard_tokens: u64,
    /// What to do about faults in the inputs.
    pub on_error: OnError,
    /// How many threads work. `None`: all cores.
    pub threads: Option<usize>,
    /// Whether to begin although the disk seems too small.
    pub force: bool,
    /// Whether to begin anew where something is in the folder already.
    pub restart: bool,
    /// After how many bytes of tokens what there is is made safe.
    pub commit_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            input: Vec::new(),
            field: "text".into(),
            tokenizer: TokenizerKind::Bpe { vocab_size: DEFAULT_BPE_SIZE },
            out: PathBuf::from("data/tokens"),
            split: None,
            validation: None,
            sample: 1.0,
            shard_tokens: SHARD_TOKENS,
            on_error: OnError::Stop,
            threads: None,
            force: false,
            restart: false,
            commit_bytes: COMMIT_BYTES,
        }
    }
}

impl Settings {
    /// Refuses what cannot be.
    fn check(&self) -> Result<()> {
        if !(self.sample > 0.0 && self.sample <= 1.0) {
            let expected = "expected a part of the documents, such as 1% or 0.01, at most 100%";
            return Err(Error::setting("--sample", self.sample, expected));
        }
        if let Some(fraction) = self.validation
            && !(0.0..1.0).contains(&fraction)
        {
            let expected = "expected a fraction from 0 up to 1, 1 itself excluded, such as 0.0005";
            return Err(Error::setting("--validation", fraction, expected));
        }
        if self.shard_tokens == 0 {
            return Err(Error::setting("--shard-tokens", 0, "it must be at least 1"));
        }
        if self.threads == Some(0) {
            return Err(Error::setting("--threads", 0, "it must be at least 1"));
        }
        if let TokenizerKind::Bpe { vocab_size } = self.tokenizer
            && vocab_size < 257
        {
            let expected = "a byte-level vocabulary begins with the 256 bytes, and the end of a \
                            document is a token, too; give at least 257, such as bpe:4096";
            return Err(Error::setting("--tokenizer", &self.tokenizer, expected));
        }
        Ok(())
    }

    /// The flags that make a difference to the result.
    fn flags(&self) -> Result<BTreeMap<String, Value>> {
        let names: Vec<_> = self.input.iter().map(|path| path.display().to_string()).collect();
        let mut flags = BTreeMap::from([
            ("input".to_string(), json!(names)),
            ("field".into(), json!(self.field)),
            ("tokenizer".into(), json!(self.tokenizer.to_string())),
            ("split".into(), json!(self.split)),
            ("validation".into(), json!(self.validation)),
            ("sample".into(), json!(self.sample)),
            ("shard_tokens".into(), json!(self.shard_tokens)),
            (
                "on_error".into(),
                json!(if self.on_error == OnError::Skip { "skip" } else { "stop" }),
            ),
        ]);
        if let TokenizerKind::File(path) = &self.tokenizer {
            // A file of the same name may be another one.
            let sum = xxh3_64(&std::fs::read(path).map_err(Error::file("read", path))?);
            flags.insert("tokenizer_xxh3".into(), json!(format!("{sum:016x}")));
        }
        Ok(flags)
    }

    fn threads(&self) -> usize {
        self.threads.unwrap_or_else(stage03_gpt::cli::run::cores)
    }
}

/// Makes a folder of tokens, or goes on with one that was interrupted. A folder that is finished
/// is left as it is.
///
/// # Errors
/// [`Error::Setting`] for settings that cannot be, and for a folder that holds something else;
/// [`Error::Text`] for the first fault in the inputs, unless they are skipped; [`Error::File`]
/// when something cannot be read or written. After any of them the same command goes on.
pub fn prepare(settings: &Settings, screen: &Screen) -> Result<Manifest> {
    settings.check()?;
    let inputs = Inputs::find(&settings.input, &settings.out)?;
    let plan = Plan::new(settings.flags()?, inputs.stamps());
    let read = AtomicU64::new(0);
    let run = Run { settings, inputs: &inputs, plan: &plan, screen, read: &read };
    let journal = match run.look()? {
        Some(State::Finished(manifest)) => return Ok(*manifest),
        Some(State::Interrupted(journal)) => Some(*journal),
        None => None,
    };
    run.introduce();
    let (journal, tokenizer) = match journal {
        Some(journal) => (journal, Tokenizer::load(&settings.out.join(TOKENIZER_FILE))?),
        None => run.begin()?,
    };
    run.encode(journal, &tokenizer)
}

/// What an earlier run left.
enum State {
    Finished(Box<Manifest>),
    Interrupted(Box<Journal>),
}

/// One run of the command.
struct Run<'a> {
    settings: &'a Settings,
    inputs: &'a Inputs,
    plan: &'a Plan,
    screen: &'a Screen,
    /// How many bytes of the inputs were read.
    read: &'a AtomicU64,
}

impl Run<'_> {
    /// What is in the folder already, if it is of use.
    fn look(&self) -> Result<Option<State>> {
        let folder = &self.settings.out;
        let refuse = |problem: String, remedy: &str| Err(Error::format(folder, problem, remedy));
        // With --restart, whatever is damaged goes away; but only what is ours.
        let found = match journal::look(folder) {
            Err(Error::Format { .. }) if self.settings.restart => return Ok(None),
            found => found?,
        };
        match found {
            Found::New => Ok(None),
            Found::Foreign(name) => refuse(
                format!("it has a file {name} that `prepare` did not make"),
                "name another folder with --out",
            ),
            _ if self.settings.restart => Ok(None),
            Found::Finished(manifest) => {
                let changed = journal::flag_difference(&manifest.flags, &self.plan.flags);
                let changed = changed.or_else(|| {
                    let same = manifest.inputs == self.inputs.entry();
                    (!same).then(|| "the input files are no longer the same".to_string())
                });
                if let Some(changed) = changed {
                    let problem = format!("it holds other tokens: {changed}");
                    return refuse(
                        problem,
                        "name another folder with --out, or make it anew with --restart",
                    );
                }
                journal::tidy(folder)?;
                self.screen.line(format!(
                    "{} is finished already ({} tokens to learn, {} to measure); --restart makes \
                     it anew.",
                    folder.display(),
                    thousands(manifest.train.tokens as usize),
                    thousands(manifest.validation.tokens as usize),
                ));
                Ok(Some(State::Finished(manifest)))
            }
            Found::Begun(plan, journal) => match plan.difference(self.plan) {
                Some(changed) => refuse(
                    format!("an interrupted run is in it, and not this one: {changed}"),
                    "give the same flags and files to go on, or begin anew with --restart",
                ),
                None => {
                    if plan != *self.plan {
                        self.plan.save(folder)?;
                    }
                    Ok(journal.map(State::Interrupted))
                }
            },
        }
    }

    fn introduce(&self) {
        let files = self.inputs.files.len();
        let what = match (&self.inputs.files[..], files) {
            ([one], _) => one.name.clone(),
            (_, files) => format!("{} files", thousands(files)),
        };
        self.screen.line(format!("input       {what}, {}", size(self.inputs.bytes())));
        if self.inputs.repeated > 0 {
            remark(format!(
                "note: {} files were named more than once, and are read once",
                self.inputs.repeated
            ));
        }
    }

    fn pipeline(&self, choice: Choice) -> Pipeline<'_> {
        Pipeline {
            inputs: &self.inputs.files,
            field: &self.settings.field,
            choice,
            threads: self.settings.threads(),
            read: self.read,
        }
    }

    /// A new run: room is made, the text is looked through, the vocabulary is made.
    fn begin(&self) -> Result<(Journal, Tokenizer)> {
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
        files::create_folder(out)?;
        self.plan.save(out)?;
        journal::clear(out)?;
        let many = !vocabulary::is_single(self)?;
        let split = self.split(many)?;
        let choice = self.choice(split);
        let (tokenizer, tail) = vocabulary::make(self, many, split, choice)?;
        tokenizer.save(&out.join(TOKENIZER_FILE))?;
        let left_out =
            LeftOutEntry { ignored: self.inputs.ignored.clone(), ..LeftOutEntry::default() };
        let journal = Journal::new(split, many, tail, left_out);
        journal.save(out)?;
        Ok((journal, tokenizer))
    }

    /// How the text is divided.
    fn split(&self, many: bool) -> Result<SplitEntry> {
        let by = match self.settings.split {
            Some(SplitBy::Document) if !many => {
                return Err(Error::setting(
                    "--split",
                    "document",
                    "the input is a single document, which cannot be on both sides; use \
                     --split tail, or give more documents (in JSON lines, each line is one)",
                ));
            }
            Some(by) => by,
            None if many => SplitBy::Document,
            None => SplitBy::Tail,
        };
        if !many && self.settings.sample < 1.0 {
            let expected = "the input is a single document; take a shorter text instead";
            return Err(Error::setting("--sample", self.settings.sample, expected));
        }
        let usual = match by {
            SplitBy::Tail => 0.1,
            // Ten megabytes are enough for a steady measurement; of little text, a tenth.
            SplitBy::Document => {
                two_digits((1e7 / self.inputs.bytes().max(1) as f64).clamp(0.0005, 0.1))
            }
        };
        Ok(SplitEntry { by, validation: self.settings.validation.unwrap_or(usual) })
    }

    fn choice(&self, split: SplitEntry) -> Choice {
        let by_document = split.by == SplitBy::Document;
        let validation = if by_document { split.validation } else { 0.0 };
        Choice { sample: self.settings.sample, validation }
    }

    /// Makes all texts tokens, from where the journal says.
    fn encode(&self, mut journal: Journal, tokenizer: &Tokenizer) -> Result<Manifest> {
        let Settings { out, shard_tokens, commit_bytes, .. } = self.settings;
        let token_bytes = if tokenizer.vocab_size() <= 1 << 16 { 2 } else { 4 };
        let encoding = Encoding {
            tokenizer,
            token_bytes,
            separator: separator(tokenizer, journal.many)?,
            tail: journal.tail,
        };
        let resume =
            |which, entry| PartWriter::resume(out, which, token_bytes, *shard_tokens, entry);
        let mut writers = [
            resume(Split::Train, std::mem::take(&mut journal.train))?,
            resume(Split::Validation, std::mem::take(&mut journal.validation))?,
        ];
        let mut faults = FaultWriter::resume(out, journal.fault_bytes)?;
        self.say(&journal, tokenizer);
        let before = self.inputs.files[..journal.position.file].iter().map(|input| input.bytes);
        self.read.store(before.sum(), Ordering::Relaxed);
        let mut progress = Progress::new(self.screen, "tokens", self.inputs.bytes(), self.read);
        let (mut unsafe_bytes, mut last_commit) = (0, Instant::now());
        let start = journal.position;
        let choice = self.choice(journal.split);
        let mut commit =
            |writers: &mut [PartWriter; 2], faults: &mut FaultWriter, journal: &mut Journal| {
                journal.train = writers[0].commit()?.clone();
                journal.validation = writers[1].commit()?.clone();
                journal.fault_bytes = faults.commit()?;
                journal.save(out)
            };
        self.pipeline(choice).run(
            start,
            |job| Encoder::new(&encoding, job),
            |event| {
                match event {
                    Event::Chunk(chunk) => {
                        for (writer, which) in writers.iter_mut().zip(Split::ALL) {
                            let part = chunk.part(which);
                            unsafe_bytes += part.tokens.len() as u64;
                            writer.append(part)?;
                        }
                        for note in chunk.notes {
                            self.note(note, &mut faults, &mut journal.left_out)?;
                        }
                    }
                    Event::Done(position) => {
                        journal.position = position;
                        if unsafe_bytes >= *commit_bytes || last_commit.elapsed().as_secs() >= 10 {
                            commit(&mut writers, &mut faults, &mut journal)?;
                            (unsafe_bytes, last_commit) = (0, Instant::now());
                        }
                    }
                }
                progress.update();
                Ok(ControlFlow::Continue(()))
            },
        )?;
        drop(progress);
        commit(&mut writers, &mut faults, &mut journal)?;
        self.finish(journal, &encoding)
    }

    /// Deals with what is not a text.
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
        }
    }

    /// Says what will be done.
    fn say(&self, journal: &Journal, tokenizer: &Tokenizer) {
        let line = |text: String| self.screen.line(text);
        let vocab = thousands(tokenizer.vocab_size());
        line(format!("tokenizer   {}, {vocab} tokens", self.settings.tokenizer));
        let percent = format!("{} %", two_digits(100.0 * journal.split.validation));
        line(match journal.split.by {
            SplitBy::Tail if !journal.many => {
                format!("split       a single document: its last {percent} are for validation")
            }
            SplitBy::Tail => {
                format!("split       the last {percent} of the text are for validation")
            }
            SplitBy::Document => format!(
                "split       {percent} of the documents are for validation, chosen by their text"
            ),
        });
        line(format!(
            "threads     {}; folder {}",
            self.settings.threads(),
            self.settings.out.display()
        ));
        if journal.position.job > 0 {
            let tokens = journal.position.job;
            line(format!(
                "goes on     after job {} of an interrupted run",
                thousands(tokens as usize)
            ));
        }
    }

    /// Writes the manifest: the folder is whole.
    fn finish(&self, journal: Journal, encoding: &Encoding<'_>) -> Result<Manifest> {
        let Journal { train, validation, left_out, split, .. } = journal;
        if train.tokens == 0 {
            let given = if self.settings.input.is_empty() { "the input" } else { "--input" };
            return Err(Error::text(
                given,
                "no document of it is left to learn from",
                "give more text, a smaller --validation or a larger --sample, and begin anew \
                 with --restart",
            ));
        }
        let manifest = Manifest {
            version: VERSION,
            token_bytes: encoding.token_bytes,
            vocab_size: encoding.tokenizer.vocab_size(),
            end_of_text: encoding.tokenizer.end_of_text(),
            split,
            train,
            validation,
            flags: self.plan.flags.clone(),
            inputs: self.inputs.entry(),
            left_out,
        };
        manifest.save(&self.settings.out)?;
        journal::tidy(&self.settings.out)?;
        self.report(&manifest);
        Ok(manifest)
    }

    /// Says what was done.
    fn report(&self, manifest: &Manifest) {
        let line = |text: String| self.screen.line(text);
        for which in Split::ALL {
            let PartEntry { documents, bytes, tokens, shards, .. } = manifest.part(which);
            let files = if shards.len() == 1 { "file" } else { "files" };
            line(format!(
                "{:12}{} tokens in {} {files}; {} documents, {}",
                which.name(),
                thousands(*tokens as usize),
                shards.len(),
                thousands(*documents as usize),
                size(*bytes),
            ));
        }
        let LeftOutEntry { not_sampled, empty, faults, first_faults, ignored, .. } =
            &manifest.left_out;
        if *not_sampled > 0 {
            line(format!("not sampled {} documents", thousands(*not_sampled as usize)));
        }
        if *empty > 0 {
            line(format!("empty       {} documents", thousands(*empty as usize)));
        }
        if !ignored.is_empty() {
            let kinds: Vec<_> = ignored.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
            line(format!("ignored     files of unknown kind: {}", kinds.join(", ")));
        }
        if *faults > 0 {
            let file = self.settings.out.join(writer::FAULTS_FILE);
            let all = thousands(*faults as usize);
            line(format!("skipped     {all} faults, listed in {}", file.display()));
            first_faults.iter().for_each(|fault| line(format!("            {fault}")));
            if *faults > first_faults.len() as u64 {
                line("            …".into());
            }
        }
        if manifest.validation.tokens == 0 && manifest.split.validation > 0.0 {
            remark(
                "note: no document fell into the validation part; with --restart, give \
                 --validation a larger fraction, or use --split tail",
            );
        }
    }
}

/// What stands at the end of a document.
fn separator(tokenizer: &Tokenizer, many: bool) -> Result<Separator> {
    match tokenizer.end_of_text() {
        Some(token) => Ok(Separator::EndOfText(token)),
        None if !many => Ok(Separator::Nothing),
        None => tokenizer.encode("\n").map(Separator::LineBreak).map_err(|_| {
            Error::setting(
                "--tokenizer",
                "this file",
                "its vocabulary has neither a token for the end of a document nor a line break, \
                 and one of them must stand between documents; choose another one",
            )
        }),
    }
}

/// A number with two digits that count: 0.0123 becomes 0.012.
fn two_digits(x: f64) -> f64 {
    format!("{x:.1e}").parse().unwrap_or(x)
}
