//! The output of a command as the book shows it: `outputs/NAME.txt`.
//!
//! The file begins with the command, may say how far another run may differ, and then holds
//! what the command printed:
//!
//! ```text
//! $ cargo run -p stage01_bigram -- --steps 100
//! # vary: \d+\.\d s
//! # tolerance: 1e-3
//! # rounding
//! # fails
//! # time: 20 s
//! # before: cargo run -p stage03_gpt -- --out-dir {dir}
//! # needs: models/some.gguf
//!
//! …
//! ```
//!
//! `# rounding` marks what a trained model says: its last digits, and so its choice of words, are
//! the same only where the processor rounds in the same way. `# fails` marks a command that shows
//! an error: it must end with a status other than zero. `# before:` is a command that must run
//! first; `{dir}` is the same new directory in both, and readers see it as `DIR`, also where it is
//! printed. `# wrap` is for running text: its long lines are broken where the page ends. `# needs:`
//! names a file that the repository does not hold: where it is missing, the command is not run, and
//! that is said.
//!
//! What this file leaves out: running it ([`crate::runs`]), and showing a part ([`crate::cut`]).

use regex::Regex;

/// How far a fresh output may differ from the recorded one.
#[derive(Clone, Debug, Default)]
pub struct Leeway {
    /// What matches one of these may be anything.
    pub vary: Vec<Regex>,
    /// Numbers may differ by this fraction of themselves.
    pub tolerance: f64,
    /// Whether it depends on how the processor rounds: see [`crate::outputs::ROUNDING`].
    pub rounding: bool,
}

/// A recorded output.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The header, as it stands in the file.
    pub header: String,
    /// The command, without the dollar.
    pub command: String,
    /// What must be run before it, in this order.
    pub before: Vec<String>,
    /// A file, from the root of the repository, without which it cannot be run.
    pub needs: Option<String>,
    /// How far another run may differ.
    pub leeway: Leeway,
    /// About how many seconds the command takes.
    pub seconds: f64,
    /// Whether the command ends with an error, as it should.
    pub fails: bool,
    /// Whether its lines may be broken.
    pub wrap: bool,
    /// What it printed, without line breaks at the end.
    pub output: String,
}

/// A command that says nothing of its time takes a moment.
const UNSAID: f64 = 1.0;

impl Recorded {
    /// Reads the file.
    ///
    /// # Errors
    /// The line, and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let (mut command, mut leeway, mut seconds) = (None, Leeway::default(), UNSAID);
        let (mut fails, mut wrap, mut before, mut needs) = (false, false, Vec::new(), None);
        let (mut header, mut lines) = (String::new(), text.lines().enumerate().peekable());
        while let Some((at, line)) = lines.next_if(|(_, line)| !line.trim().is_empty()) {
            let fault = |what: String| (at + 1, what);
            if let Some(words) = line.strip_prefix("$ ") {
                if command.replace(words.trim().to_string()).is_some() {
                    return Err(fault("a second command".into()));
                }
            } else if let Some(pattern) = line.strip_prefix("# vary:") {
                let regex = Regex::new(pattern.trim());
                let regex =
                    regex.map_err(|_| fault(format!("`{}` is no regex", pattern.trim())))?;
                leeway.vary.push(regex);
            } else if let Some(tolerance) = line.strip_prefix("# tolerance:") {
                let number = tolerance.trim().parse().ok().filter(|&t: &f64| t >= 0.0);
                leeway.tolerance = number.ok_or_else(|| {
                    fault(format!("`{}` is not a tolerance, such as 1e-3", tolerance.trim()))
                })?;
            } else if line.trim_end() == "# rounding" {
                leeway.rounding = true;
            } else if line.trim_end() == "# fails" {
                fails = true;
            } else if line.trim_end() == "# wrap" {
                wrap = true;
            } else if let Some(words) = line.strip_prefix("# before:") {
                before.push(words.trim().to_string());
            } else if let Some(file) = line.strip_prefix("# needs:") {
                needs = Some(file.trim().to_string());
            } else if let Some(time) = line.strip_prefix("# time:") {
                seconds = self::seconds(time)
                    .ok_or_else(|| fault(format!("`{}` is no time", time.trim())))?;
            } else {
                let what = format!(
                    "`{line}` is neither the command nor vary, tolerance, rounding, fails, before, \
                     needs, wrap or time"
                );
                return Err(fault(what));
            }
            header += line;
            header.push('\n');
        }
        let command = command.ok_or((1, "no command".to_string()))?;
        let output: Vec<_> = lines.skip(1).map(|(_, line)| line.trim_end()).collect();
        let output = output.join("\n").trim_end().to_string();
        Ok(Self { header, command, before, needs, leeway, seconds, fails, wrap, output })
    }

    /// The file with another output.
    pub fn with(&self, output: &str) -> String {
        format!("{}\n{}\n", self.header, tidy(output))
    }
}

/// `20 s` or `2 min` in seconds.
pub fn seconds(time: &str) -> Option<f64> {
    let (number, unit) = time.trim().split_once(' ')?;
    let factor = match unit.trim() {
        "s" => 1.0,
        "min" => 60.0,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

/// Text without spaces at the ends of lines, and without empty lines at its end.
pub fn tidy(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_end().to_string()
}

/// The first line in which a fresh output differs by more than it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The line of the output, counted from 1.
    pub line: usize,
    /// What was recorded.
    pub recorded: String,
    /// What came now.
    pub fresh: String,
}

impl Leeway {
    /// Compares two outputs.
    pub fn difference(&self, recorded: &str, fresh: &str) -> Option<Difference> {
        let (recorded, fresh) = (tidy(recorded), tidy(fresh));
        let (mut a, mut b) = (recorded.lines(), fresh.lines());
        for line in 1.. {
            let pair = (a.next(), b.next());
            let same = match pair {
                (None, None) => return None,
                (Some(a), Some(b)) => self.same(a, b),
                _ => false,
            };
            if !same {
                let said = |line: Option<&str>| line.unwrap_or("(the end)").to_string();
                return Some(Difference { line, recorded: said(pair.0), fresh: said(pair.1) });
            }
        }
        None
    }

    /// Whether two lines are the same, as far as they must be.
    fn same(&self, a: &str, b: &str) -> bool {
        if a == b {
            return true;
        }
        let (a, b) = (self.masked(a), self.masked(b));
        if self.tolerance == 0.0 {
            return a == b;
        }
        let (a, b) = (parts(&a), parts(&b));
        a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| self.close(a, b))
    }

    fn masked(&self, line: &str) -> String {
        let mut line = line.to_string();
        for regex in &self.vary {
            line = regex.replace_all(&line, "\u{fffd}").into_owned();
        }
        // A number that is one digit longer moves its neighbours.
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn close(&self, a: &str, b: &str) -> bool {
        let number = |text: &str| text.replace(',', "").parse::<f64>().ok();
        match (number(a), number(b)) {
            (Some(x), Some(y)) => (x - y).abs() <= self.tolerance * x.abs().max(y.abs()),
            _ => a == b,
        }
    }
}

/// A line cut into numbers and what is between them.
fn parts(line: &str) -> Vec<&str> {
    // A minus sign belongs to a number that it does not follow: 1-2 is a range.
    let number =
        Regex::new(r"(?:^|\b|[^\w.])(-?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?)").expect("a regex");
    let (mut parts, mut at) = (Vec::new(), 0);
    for found in number.captures_iter(line) {
        let found = found.get(1).expect("the group is always there");
        parts.push(&line[at..found.start()]);
        parts.push(found.as_str());
        at = found.end();
    }
    parts.push(&line[at..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
$ cargo run -p a
# vary: \\d+\\.\\d s
# tolerance: 1e-3
# rounding
# fails
# needs: models/a.gguf
# time: 2 min

step  loss
1     4.17   in 0.3 s
2     3.00
";

    #[test]
    fn the_header_is_understood() {
        let recorded = Recorded::parse(FILE).unwrap();
        assert_eq!(recorded.command, "cargo run -p a");
        assert_eq!(recorded.seconds, 120.0);
        assert!(recorded.leeway.rounding && recorded.fails);
        assert_eq!(recorded.needs.as_deref(), Some("models/a.gguf"));
        assert_eq!(recorded.output.lines().count(), 3);
        assert_eq!(recorded.with(&recorded.output), FILE);
    }

    #[test]
    fn a_broken_header_is_named_by_line() {
        let line = |text: &str| Recorded::parse(text).unwrap_err().0;
        assert_eq!(line("$ a\n# vary: (\n\n"), 2);
        assert_eq!(line("$ a\n# tolerance: much\n"), 2);
        assert_eq!(line("$ a\n# time: soon\n"), 2);
        assert_eq!(line("$ a\n$ b\n"), 2);
        assert_eq!(line("\nno command\n"), 1);
        assert_eq!(line("$ a\noutput without a blank line\n"), 2);
    }

    #[test]
    fn only_what_may_vary_varies() {
        let leeway = Recorded::parse(FILE).unwrap().leeway;
        let same = |a, b| leeway.difference(a, b).is_none();
        assert!(same("loss 4.170 in 0.3 s", "loss 4.171 in 12.9 s"));
        assert!(same("a  9.999", "a 10.000"), "columns may move");
        assert!(same("a -1.000 e\n\n", "a -1.0001 e"));
        assert!(!same("loss 4.17", "loss 4.19"), "too far");
        assert!(!same("loss 4.17", "cost 4.17"), "another word");
        assert!(!same("a 1.0", "a -1.0"), "another sign");
        assert!(!same("a", "a\nb") && !same("a\nb", "a"), "another length");
        assert!(same("1,000,000 tokens", "1,000,001 tokens"));
        assert!(same("x^2", "x^2") && !same("layer2", "layer3"), "names hold no numbers");
    }

    #[test]
    fn without_leeway_everything_must_be_the_same() {
        let difference = Leeway::default().difference("a\nb 1", "a\nb 2").unwrap();
        assert_eq!(difference, Difference { line: 2, recorded: "b 1".into(), fresh: "b 2".into() });
    }
}
