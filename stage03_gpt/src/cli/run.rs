//! The settings of a training run on the command line: what a preset or a saved run brings, and
//! over it the flags that were really typed.

use clap::ArgMatches;
use clap::parser::ValueSource;
use stage01_bigram::Result;
use stage01_bigram::screen::wrap;

use super::screen::{remark, width};
pub use crate::settings::{PRESETS, Preset, Run, require_text};
pub use crate::trainer::cores;

/// The list of presets for a help page.
pub fn preset_help() -> String {
    // Wrapped here, because the help page would lose the indent.
    let lines =
        PRESETS.iter().map(|p| format!("  {}\n{}\n", p.name, wrap(p.about, width(), "      ")));
    format!("Presets (--preset NAME):\n{}", lines.collect::<String>())
}

impl Run {
    /// The settings of a preset, and over them the flags that were typed.
    ///
    /// # Errors
    /// [`Error::Setting`] for a preset that does not exist.
    pub fn from_preset(name: &str, given: &Run, matches: &ArgMatches) -> Result<Run> {
        let preset = Preset::find(name)?;
        given.check_savable()?;
        let mut base = given.clone();
        base.replace(preset.settings(), |setting| !typed(matches, setting));
        Ok(base)
    }

    /// The settings of a saved run, and over them the flags that were typed.
    ///
    /// # Errors
    /// As [`Run::continued`].
    pub fn resumed(saved: &Run, given: &Run, matches: &ArgMatches) -> Result<Run> {
        Run::continued(saved, given, |setting| typed(matches, setting))
    }
}

/// Says what the number of threads means for a run that goes on, if there is anything to say.
///
/// saved: the number so far, unless an early version saved the run. now: from here on.
pub fn remark_threads(saved: Option<usize>, now: usize) {
    if let Some(note) = threads_note(saved, now, cores()) {
        remark(note);
    }
}

fn threads_note(saved: Option<usize>, now: usize, cores: usize) -> Option<String> {
    match saved {
        Some(saved) if saved != now => Some(format!(
            "note: the run had {saved} threads so far and goes on with {now}; its last digits will \
             not be those of a run that was never stopped"
        )),
        Some(saved) if saved > cores => Some(format!(
            "note: the run goes on with its {saved} threads, to the byte, on {cores} cores; \
             --threads {cores} may be faster, and changes its last digits"
        )),
        _ => None,
    }
}

/// Whether a flag stood on the command line.
pub fn typed(matches: &ArgMatches, setting: &str) -> bool {
    matches.value_source(setting) == Some(ValueSource::CommandLine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args, Command, FromArgMatches};

    fn parse(flags: &str) -> (Run, ArgMatches) {
        let command = Run::augment_args(Command::new("train"));
        let words = std::iter::once("train").chain(flags.split_whitespace());
        let matches = command.try_get_matches_from(words).unwrap();
        (Run::from_arg_matches(&matches).unwrap(), matches)
    }

    #[test]
    fn every_flag_has_the_default_of_its_setting() {
        assert_eq!(parse("").0, Run::default());
    }

    #[test]
    fn typed_flags_win_over_every_preset() {
        for preset in &PRESETS {
            let (given, matches) = parse("--n-embd 96 --seed 5");
            let run = Run::from_preset(preset.name, &given, &matches).unwrap();
            assert_eq!((run.n_embd, run.seed), (96, 5));
            let (given, matches) = parse("");
            let run = Run::from_preset(preset.name, &given, &matches).unwrap();
            assert_eq!(run, Run::preset(preset.name).unwrap());
        }
        let (given, matches) = parse("");
        assert!(Run::from_preset("huge", &given, &matches).is_err());
    }

    #[test]
    fn a_resumed_run_keeps_its_model_and_takes_new_lengths() {
        let (saved, _) = parse("--n-embd 64 --max-iters 10");
        let (given, matches) = parse("--max-iters 20");
        let run = Run::resumed(&saved, &given, &matches).unwrap();
        assert_eq!((run.n_embd, run.max_iters), (64, 20));
        let (given, matches) = parse("--n-embd 128");
        let error = Run::resumed(&saved, &given, &matches).unwrap_err().to_string();
        assert!(error.starts_with("--n-embd = 128: the saved run has 64"), "{error}");
    }

    #[test]
    fn a_resumed_run_keeps_its_threads_and_says_what_others_mean() {
        assert_eq!(threads_note(Some(2), 2, 2), None);
        assert_eq!(threads_note(Some(2), 2, 16), None);
        assert_eq!(threads_note(None, 4, 2), None);
        assert!(threads_note(Some(2), 2, 1).unwrap().contains("2 threads, to the byte"));
        assert!(threads_note(Some(2), 4, 4).unwrap().contains("goes on with 4"));
        let (saved, _) = parse("--threads 3");
        let (given, matches) = parse("");
        assert_eq!(Run::resumed(&saved, &given, &matches).unwrap().threads, Some(3));
    }
}
