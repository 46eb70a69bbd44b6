//! Commands: lines that begin with a slash.
//!
//! ```text
//! /temperature 0.5
//! ```

use std::path::PathBuf;

use stage01_bigram::Result;
use stage01_bigram::sampling::Sampler;
use stage01_bigram::text::wrap;

use crate::cli::screen::named;

/// The commands, and what they do.
const COMMANDS: [(&str, &str); 10] = [
    ("/help", "this list"),
    ("/reset", "begin a new conversation"),
    ("/system", "show the system text"),
    ("/system TEXT", "set it; /system - removes it"),
    ("/temperature T", "below 1 sticks to the likely, 0 always takes the likeliest"),
    ("/retry", "answer the last message again"),
    ("/tokens", "how full the context is"),
    ("/save FILE", "write the conversation as JSON; ~/ is your home directory"),
    ("/load FILE", "go on with one that was written"),
    ("/quit", "end (also Ctrl-D)"),
];

/// What else /help says.
const KEYS: &str = "A line that ends in \\ goes on in the next one. Ctrl-C stops an answer. A space before \
                    the slash sends the line to the model.";

/// What /help prints, on a terminal of so many columns.
pub fn help(width: usize) -> String {
    let width = width.min(60); // a longer line is hard to read
    let mut lines: Vec<String> =
        COMMANDS.iter().map(|(name, what)| named(name, what, 18, width)).collect();
    lines.push(format!("\n{}", wrap(KEYS, width, "")));
    lines.join("\n")
}

/// The path that a person has typed. `~/` stands for the home directory, as in a shell.
pub fn typed_path(text: &str) -> PathBuf {
    match (text.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(text),
    }
}

/// A command.
#[derive(Debug, PartialEq)]
pub enum Command<'t> {
    /// Shows the commands.
    Help,
    /// Begins a new conversation.
    Reset,
    /// Shows the system text.
    ShowSystem,
    /// Sets the system text, or removes it.
    System(Option<&'t str>),
    /// Shows the temperature.
    ShowTemperature,
    /// Sets the temperature.
    Temperature(f64),
    /// Answers the last message again.
    Retry,
    /// Shows how full the context is.
    Tokens,
    /// Writes the conversation.
    Save(&'t str),
    /// Reads a conversation.
    Load(&'t str),
    /// Ends.
    Quit,
}

/// The command of a line, which begins with a slash.
///
/// # Errors
/// What is wrong with it, for a line on the screen.
pub fn parse(line: &str) -> std::result::Result<Command<'_>, String> {
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let alone = |command| match rest {
        "" => Ok(command),
        _ => Err(format!("{name} stands alone")),
    };
    match name {
        "/help" | "/?" => alone(Command::Help),
        "/reset" | "/clear" => alone(Command::Reset),
        "/retry" => alone(Command::Retry),
        "/tokens" => alone(Command::Tokens),
        "/quit" | "/exit" | "/bye" => alone(Command::Quit),
        "/system" => Ok(match rest {
            "" => Command::ShowSystem,
            "-" => Command::System(None),
            text => Command::System(Some(text)),
        }),
        "/temperature" => match rest {
            "" => Ok(Command::ShowTemperature),
            number => Ok(Command::Temperature(temperature(number)?)),
        },
        "/save" | "/load" if rest.is_empty() => Err(format!("{name} FILE: name a file")),
        "/save" => Ok(Command::Save(rest)),
        "/load" => Ok(Command::Load(rest)),
        _ => Err(format!(
            "there is no command {name}; /help lists them, and a space before the slash sends the \
             line to the model"
        )),
    }
}

fn temperature(text: &str) -> std::result::Result<f64, String> {
    let checked = |number: f64| -> Result<f64> {
        Sampler::new(number, None, None)?;
        Ok(number)
    };
    let number: f64 = text.parse().unwrap_or(f64::NAN);
    checked(number).map_err(|_| {
        format!("/temperature {text}: expected 0 (always the likeliest token) or a positive number")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_commands() {
        assert_eq!(
            parse("/system Be  brief.\nShout. "),
            Ok(Command::System(Some("Be  brief.\nShout.")))
        );
        assert_eq!(parse("/system -"), Ok(Command::System(None)));
        assert_eq!(parse("/system"), Ok(Command::ShowSystem));
        assert_eq!(parse("/temperature 0"), Ok(Command::Temperature(0.0)));
        assert_eq!(parse("/save my file.json"), Ok(Command::Save("my file.json")));
        assert_eq!(parse("/bye"), Ok(Command::Quit));
        for (line, words) in [
            ("/temperature warm", "/temperature warm: expected 0"),
            ("/temperature -1", "expected 0"),
            ("/save", "/save FILE: name a file"),
            ("/retry now", "/retry stands alone"),
            ("/etc/passwd is a file", "there is no command /etc/passwd; /help"),
        ] {
            let problem = parse(line).unwrap_err();
            assert!(problem.contains(words), "{problem}");
        }
    }

    #[test]
    fn the_help_fits_and_names_every_command() {
        for width in [30, 44, 45, 60, 100] {
            let help = help(width);
            assert!(help.lines().all(|line| line.chars().count() <= width.min(60)), "{help}");
            // No word is cut.
            let words = |text: &str| text.split_whitespace().map(String::from).collect::<Vec<_>>();
            let all: Vec<String> = COMMANDS
                .iter()
                .flat_map(|(name, what)| [words(name), words(what)].concat())
                .collect();
            assert_eq!(words(&help), [all, words(KEYS)].concat());
        }
        for (name, _) in COMMANDS {
            let name = name.split_whitespace().next().unwrap();
            assert!(parse(name).is_ok() || parse(&format!("{name} 1")).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_path_may_begin_at_home() {
        let home = std::env::home_dir().unwrap();
        assert_eq!(typed_path("~/a/talk.json"), home.join("a/talk.json"));
        for same in ["talk.json", "/tmp/~/talk.json", "~talk.json", "a~/talk.json"] {
            assert_eq!(typed_path(same), PathBuf::from(same));
        }
    }
}
