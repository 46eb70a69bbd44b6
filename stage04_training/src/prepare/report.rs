//! What the command says of itself: before, and after.

use stage01_bigram::screen::{thousands, wrap};
use stage01_bigram::tokenizer::{END_OF_TEXT, Tokenizer};
use stage03_gpt::cli::screen::{remark, width};

use super::journal::Journal;
use super::progress::size;
use super::run::Run;
use super::special::SpecialTokens;
use crate::manifest::{FAULTS_FILE, LeftOutEntry, Manifest, PartEntry, Split, SplitBy};

impl Run<'_> {
    /// Says what will be read.
    pub(super) fn introduce(&self) {
        let files = self.inputs.files.len();
        let what = match (&self.inputs.files[..], files) {
            ([one], _) => one.name.clone(),
            (_, files) => format!("{} files", thousands(files)),
        };
        self.line(&format!("input       {what}, {}", size(self.inputs.bytes())));
        if self.inputs.repeated > 0 {
            remark(format!(
                "note: {} files were named more than once, and are read once",
                self.inputs.repeated
            ));
        }
    }

    /// Says what will be done.
    pub(super) fn say(&self, journal: &Journal, tokenizer: &Tokenizer) {
        let line = |text: String| self.line(&text);
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
            "threads     {}; directory {}",
            self.settings.threads(),
            self.settings.out.display()
        ));
        let added = tokenizer.added_tokens();
        let special: Vec<&str> =
            added.iter().filter(|token| token.special).map(|token| &*token.content).collect();
        if tokenizer.end_of_text().is_none() && !special.is_empty() {
            remark(format!(
                "note: none of the tokenizer's special tokens ({}) is known to end a document, so \
                 a line break stands between documents; --end-token names one",
                special[..special.len().min(8)].join(" ")
            ));
        }
        let tokens = journal.train.tokens + journal.validation.tokens;
        if tokens > 0 {
            let tokens = thousands(tokens as usize);
            line(format!("goes on     {tokens} tokens were there already"));
        }
    }

    /// Says what was done.
    pub(super) fn report(&self, manifest: &Manifest) {
        let line = |text: String| self.line(&text);
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
        self.report_special(manifest);
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
            let file = self.settings.out.join(FAULTS_FILE);
            let all = thousands(*faults as usize);
            line(format!("skipped     {all} faults, listed in {}", file.display()));
            // As they are, so that a name can be copied.
            first_faults.iter().for_each(|f| self.screen.line(format!("            {f}")));
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

impl Run<'_> {
    /// Says what became of special tokens that the text spelled.
    fn report_special(&self, manifest: &Manifest) {
        let sum = |count: fn(&PartEntry) -> u64| {
            count(&manifest.train).saturating_add(count(&manifest.validation)) as usize
        };
        let special = sum(|part| part.special_tokens);
        if special > 0 {
            let became = match (self.settings.special_tokens, self.marker) {
                (SpecialTokens::Tokens, Some(marker)) if manifest.end_of_text.is_none() => format!(
                    "{marker} was read as the end of a document (--special-tokens text spells it \
                     out)"
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
            self.line(&format!("special     {} in the text, {became}", thousands(special)));
        }
        let unknown = sum(|part| part.unknown_markers);
        if unknown > 0 {
            remark(format!(
                "note: the text spells {END_OF_TEXT} {} times, and the tokenizer has no such \
                 token; it is spelled out. {}",
                thousands(unknown),
                match (self.settings.special_tokens, manifest.end_of_text) {
                    (SpecialTokens::Tokens, Some(_)) =>
                        "If it ends documents, write the tokenizer's end-of-text token for it",
                    _ => "--special-tokens tokens ends a document there",
                }
            ));
        }
    }
}

/// How wide the names are.
const NAME: usize = 12;

impl Run<'_> {
    /// A line of the report: a name of [`NAME`] letters, and what there is to say, as wide as the
    /// terminal.
    fn line(&self, text: &str) {
        let (name, fact) = text.split_at(NAME.min(text.len()));
        let wrapped = wrap(fact, width(), &" ".repeat(NAME));
        self.screen.line(format!("{name}{}", wrapped.trim_start()));
    }
}

/// A number with two digits that count: 0.0123 becomes 0.012.
pub(super) fn two_digits(x: f64) -> f64 {
    format!("{x:.1e}").parse().unwrap_or(x)
}
