//! The settings of a training run on the command line: those of a preset or of a saved run,
//! replaced by the flags that were typed.

use clap::ArgMatches;
use clap::parser::ValueSource;
use stage01_bigram::Result;
use stage01_bigram::text::wrap;

use super::screen::{remark, width};
use crate::settings::{PRESETS, Preset, RunSettings};
use crate::trainer::cores;

/// The list of presets for a help page.
pub fn preset_help() -> String {
    // Wrapped here, because the help page would lose the indent.
    let lines =
        PRESETS.iter().map(|p| format!("  {}\n{}\n", p.name, wrap(p.about, width(), "      ")));
    format!("Presets (--preset NAME):\n{}", lines.collect::<String>())
}

impl RunSettings {
    /// The settings of a preset, replaced by the flags that were typed.
    ///
    /// # Errors
    /// [`Error::Setting`](stage01_bigram::Error::Setting) for a preset that does not exist.
    pub fn from_preset(
        name: &str,
        given: &RunSettings,
        matches: &ArgMatches,
    ) -> Result<RunSettings> {
        let preset = Preset::find(name)?;
        given.check_savable()?;
        let mut base = given.clone();
        base.replace(preset.settings(), |setting| !typed(matches, setting));
        Ok(base)
    }

    /// The settings of a saved run, replaced by the flags that were typed.
    ///
    /// # Errors
    /// As [`RunSettings::continued`].
    pub fn resumed(
        saved: &RunSettings,
        given: &RunSettings,
        matches: &ArgMatches,
    ) -> Result<RunSettings> {
        RunSettings::continued(saved, given, |setting| typed(matches, setting))
    }
}

/// Prints a note on the number of threads of a resumed run, if there is one to print.
///
/// saved: the number so far, unless an early version saved the run. now: the number from here on.
pub fn remark_threads(saved: Option<usize>, now: usize) {
    if let Some(note) = threads_note(saved, now, cores()) {
        remark(note);
    }
}

fn threads_note(saved: Option<usize>, now: usize, cores: usize) -> Option<String> {
    match saved {
        Some(saved) if saved != now => Some(format!(
            "note: the run had {saved} threads so far and continues with {now}; its rounding will \
             differ from that of a run that was never stopped"
        )),
        Some(saved) if saved > cores => Some(format!(
            "note: the run continues with its {saved} threads, to the byte, on {cores} cores; \
             --threads {cores} may be faster, and changes the rounding"
        )),
        _ => None,
    }
}

/// Whether a flag was typed on the command line.
pub fn typed(matches: &ArgMatches, setting: &str) -> bool {
    matches.value_source(setting) == Some(ValueSource::CommandLine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args, Command, FromArgMatches};

    fn parse(flags: &str) -> (RunSettings, ArgMatches) {
        let command = RunSettings::augment_args(Command::new("train"));
        let words = std::iter::once("train").chain(flags.split_whitespace());
        let matches = command.try_get_matches_from(words).unwrap();
        (RunSettings::from_arg_matches(&matches).unwrap(), matches)
    }

    #[test]
    fn every_flag_has_the_default_of_its_setting() {
        assert_eq!(parse("").0, RunSettings::default());
    }

    #[test]
    fn typed_flags_win_over_every_preset() {
        for preset in &PRESETS {
            let (given, matches) = parse("--n-embd 96 --seed 5");
            let run = RunSettings::from_preset(preset.name, &given, &matches).unwrap();
            assert_eq!((run.n_embd, run.seed), (96, 5));
            let (given, matches) = parse("");
            let run = RunSettings::from_preset(preset.name, &given, &matches).unwrap();
            assert_eq!(run, RunSettings::preset(preset.name).unwrap());
        }
        let (given, matches) = parse("");
        assert!(RunSettings::from_preset("huge", &given, &matches).is_err());
    }

    #[test]
    fn a_resumed_run_keeps_its_model_and_takes_new_lengths() {
        let (saved, _) = parse("--n-embd 64 --max-iters 10");
        let (given, matches) = parse("--max-iters 20");
        let run = RunSettings::resumed(&saved, &given, &matches).unwrap();
        assert_eq!((run.n_embd, run.max_iters), (64, 20));
        let (given, matches) = parse("--n-embd 128");
        let error = RunSettings::resumed(&saved, &given, &matches).unwrap_err().to_string();
        assert!(error.starts_with("--n-embd = 128: the saved run has 64"), "{error}");
    }

    #[test]
    fn a_resumed_run_keeps_its_threads_and_notes_what_others_change() {
        assert_eq!(threads_note(Some(2), 2, 2), None);
        assert_eq!(threads_note(Some(2), 2, 16), None);
        assert_eq!(threads_note(None, 4, 2), None);
        assert!(threads_note(Some(2), 2, 1).unwrap().contains("2 threads, to the byte"));
        assert!(threads_note(Some(2), 4, 4).unwrap().contains("continues with 4"));
        let (saved, _) = parse("--threads 3");
        let (given, matches) = parse("");
        assert_eq!(RunSettings::resumed(&saved, &given, &matches).unwrap().threads, Some(3));
    }
}
