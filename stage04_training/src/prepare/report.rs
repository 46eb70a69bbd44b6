//! The messages of the command, before and after the work.

use stage01_bigram::text::thousands;
use stage01_bigram::tokenizer::{END_OF_TEXT, Tokenizer};

use super::inputs::Inputs;
use super::journal::Journal;
use super::settings::{Settings, SpecialTokens};
use crate::manifest::{FAULTS_FILE, LeftOutEntry, Manifest, PartEntry, Split, SplitBy};
use crate::progress::Reporter;
use crate::units::{number, plural, size, two_digits};

/// Reports the inputs.
pub fn introduce(reporter: &dyn Reporter, inputs: &Inputs) {
    let what = match &inputs.files[..] {
        [one] => one.name.clone(),
        files => plural(files.len() as u64, "file"),
    };
    reporter.fact("input", &format!("{what}, {}", size(inputs.bytes())));
    match inputs.repeated {
        0 => {}
        1 => reporter.note("note: 1 file was named more than once, and is read once"),
        n => {
            reporter.note(&format!("note: {n} files were named more than once, and are read once"))
        }
    }
}

/// Reports the tokenizer, the split and the threads.
pub fn announce(
    reporter: &dyn Reporter,
    settings: &Settings,
    journal: &Journal,
    tokenizer: &Tokenizer,
) {
    let vocab = thousands(tokenizer.vocab_size());
    reporter.fact("tokenizer", &format!("{}, {vocab} tokens", settings.tokenizer));
    let percent = format!("{} %", number(two_digits(100.0 * journal.split.validation)));
    let split = match journal.split.by {
        SplitBy::Tail if !journal.many => {
            format!("a single document: its last {percent} are for validation")
        }
        SplitBy::Tail => format!("the last {percent} of the text are for validation"),
        SplitBy::Document => {
            format!("{percent} of the documents are for validation, chosen by their text")
        }
    };
    reporter.fact("split", &split);
    let threads = format!("{}; directory {}", settings.threads(), settings.out.display());
    reporter.fact("threads", &threads);
    let added = tokenizer.added_tokens();
    let special: Vec<&str> =
        added.iter().filter(|token| token.special).map(|token| &*token.content).collect();
    if tokenizer.end_of_text().is_none() && !special.is_empty() {
        reporter.note(&format!(
            "note: none of the tokenizer's special tokens ({}) is known to end a document, so a \
             line break separates documents; --end-token names one",
            special[..special.len().min(8)].join(" ")
        ));
    }
    let tokens = journal.train.tokens + journal.validation.tokens;
    if tokens > 0 {
        let there = if tokens == 1 { "was" } else { "were" };
        reporter.fact("resumed", &format!("{} {there} already written", plural(tokens, "token")));
    }
}

/// Reports the result.
///
/// marker: the spelling that ends a document inside of a text.
pub fn summarise(
    reporter: &dyn Reporter,
    settings: &Settings,
    marker: Option<&str>,
    manifest: &Manifest,
) {
    for which in Split::ALL {
        let PartEntry { documents, bytes, tokens, shards, .. } = manifest.part(which);
        let text = format!(
            "{} in {}; {}, {}",
            plural(*tokens, "token"),
            plural(shards.len() as u64, "file"),
            plural(*documents, "document"),
            size(*bytes),
        );
        reporter.fact(which.name(), &text);
    }
    special_tokens(reporter, settings, marker, manifest);
    let LeftOutEntry { not_sampled, empty, faults, first_faults, ignored, .. } = &manifest.left_out;
    for (name, count) in [("not sampled", *not_sampled), ("empty", *empty)] {
        if count > 0 {
            reporter.fact(name, &plural(count, "document"));
        }
    }
    if !ignored.is_empty() {
        let kinds: Vec<_> = ignored.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        reporter.fact("ignored", &format!("files of unknown kind: {}", kinds.join(", ")));
    }
    if *faults > 0 {
        let file = settings.out.join(FAULTS_FILE);
        let text = format!("{}, listed in {}", plural(*faults, "fault"), file.display());
        reporter.fact("skipped", &text);
        // Not wrapped, so that a name can be copied.
        first_faults.iter().for_each(|fault| reporter.line(&format!("            {fault}")));
        if *faults > first_faults.len() as u64 {
            reporter.fact("", "…");
        }
    }
    if manifest.validation.tokens == 0 && manifest.split.validation > 0.0 {
        reporter.note(
            "note: no document was assigned to the validation set; with --restart, give --validation a \
             larger fraction, or use --split tail",
        );
    }
}

/// Reports how special tokens in the text were read.
fn special_tokens(
    reporter: &dyn Reporter,
    settings: &Settings,
    marker: Option<&str>,
    manifest: &Manifest,
) {
    let sum = |count: fn(&PartEntry) -> u64| {
        count(&manifest.train).saturating_add(count(&manifest.validation))
    };
    let special = sum(|part| part.special_tokens);
    if special > 0 {
        let became = match (settings.special_tokens, marker) {
            (SpecialTokens::Tokens, Some(marker)) if manifest.end_of_text.is_none() => format!(
                "{marker} was read as the end of a document (--special-tokens text spells it out)"
            ),
            (SpecialTokens::Tokens, Some(marker)) => format!(
                "read as tokens, and {marker} as the end of a document (--special-tokens text \
                 spells them out)"
            ),
            (SpecialTokens::Tokens, None) => {
                "read as tokens (--special-tokens text spells them out)".to_string()
            }
            _ => "spelled out (--special-tokens tokens makes them tokens)".to_string(),
        };
        reporter.fact("special", &format!("{} in the text, {became}", thousands(special as usize)));
    }
    let unknown = sum(|part| part.unknown_markers);
    if unknown > 0 {
        reporter.note(&format!(
            "note: the text spells {END_OF_TEXT} {}, and the tokenizer has no such token; it is \
             spelled out. {}",
            plural(unknown, "time"),
            match (settings.special_tokens, manifest.end_of_text) {
                (SpecialTokens::Tokens, Some(_)) =>
                    "If it ends documents, write the tokenizer's end-of-text token for it",
                _ => "--special-tokens tokens ends a document there",
            }
        ));
    }
}
