//! Which lines of a recorded output a chapter shows.
//!
//! Lines are best named by how they begin. A number would go on to name something when the
//! program prints a line more, but something else; words are found again, or reported as missing.

/// The lines that are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// All.
    Whole,
    /// From one number to another, counted from 1.
    Lines(usize, usize),
    /// From the line that begins with `first` to the next one that begins with `last`, or else
    /// to the end of the paragraph.
    Words {
        /// How the first line begins.
        first: String,
        /// How the last line begins.
        last: Option<String>,
    },
}

impl Cut {
    /// Understands what stands in `{{#output …}}`: the name of the output, and its lines.
    ///
    /// # Errors
    /// What cannot be understood about the lines; the name comes back all the same.
    pub fn parse(arguments: &[String]) -> (&str, Result<Self, String>) {
        let (place, words) = match arguments.split_first() {
            Some((place, words)) => (place.as_str(), words),
            None => ("", arguments),
        };
        let (name, range) = match place.split_once(':') {
            Some((name, range)) => (name, Some(range)),
            None => (place, None),
        };
        let cut = match (range, words) {
            (None, []) => Ok(Self::Whole),
            (None, [first]) => Ok(Self::Words { first: first.clone(), last: None }),
            (None, [first, last]) => {
                Ok(Self::Words { first: first.clone(), last: Some(last.clone()) })
            }
            (None, _) => Err("more words than those of a first and of a last line".into()),
            (Some(range), []) => {
                let (first, last) = range.split_once('-').unwrap_or((range, range));
                match (first.parse(), last.parse()) {
                    (Ok(first), Ok(last)) => Ok(Self::Lines(first, last)),
                    _ => Err(format!("`{place}` has no range of lines behind its colon")),
                }
            }
            (Some(_), _) => Err(format!("`{place}` says its lines by number, and by words too")),
        };
        (name, cut)
    }

    /// These lines of an output, with … where others were left out.
    ///
    /// # Errors
    /// Why there are no such lines.
    pub fn of(&self, output: &str) -> Result<String, String> {
        let lines: Vec<_> = output.lines().collect();
        let (first, last) = match self {
            Self::Whole => return Ok(output.to_string()),
            &Self::Lines(first, last) => (first, last),
            Self::Words { first, last } => {
                let first = only(&lines, first)?;
                (first, end(&lines, first, last.as_deref())?)
            }
        };
        if first == 0 || first > last || last > lines.len() {
            return Err(format!("lines {first} to {last} of an output of {}", lines.len()));
        }
        let mut shown = lines[first - 1..last].to_vec();
        if first > 1 {
            shown.insert(0, "…");
        }
        if last < lines.len() {
            shown.push("…");
        }
        Ok(shown.join("\n"))
    }
}

/// Whether a line begins with these words. Columns may have moved: one space is as good as many.
fn begins(line: &str, words: &str) -> bool {
    let single = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    single(line).starts_with(&single(words))
}

/// The number of the only line that begins with these words.
fn only(lines: &[&str], words: &str) -> Result<usize, String> {
    let mut found = (1..).zip(lines).filter(|(_, line)| begins(line, words)).map(|(n, _)| n);
    match (found.next(), found.next()) {
        (Some(line), None) => Ok(line),
        (None, _) => Err(format!("no line begins with `{words}`")),
        (Some(a), Some(b)) => Err(format!("its lines {a} and {b} both begin with `{words}`")),
    }
}

/// The number of the last line, for that of the first.
fn end(lines: &[&str], first: usize, words: Option<&str>) -> Result<usize, String> {
    let rest = &lines[first - 1..];
    match words {
        Some(words) => match rest.iter().position(|line| begins(line, words)) {
            Some(more) => Ok(first + more),
            None => Err(format!("no line from its line {first} on begins with `{words}`")),
        },
        None => {
            let more = rest.iter().take_while(|line| !line.trim().is_empty()).count();
            Ok(first + more.max(1) - 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> (String, Result<Cut, String>) {
        let arguments = crate::directive::arguments(line);
        let (name, cut) = Cut::parse(&arguments);
        (name.to_string(), cut)
    }

    fn cut(line: &str, output: &str) -> Result<String, String> {
        parse(line).1.unwrap().of(output)
    }

    #[test]
    fn what_is_asked_for_is_understood() {
        let words = |first: &str, last: Option<&str>| Cut::Words {
            first: first.into(),
            last: last.map(str::to_string),
        };
        assert_eq!(parse("a"), ("a".into(), Ok(Cut::Whole)));
        assert_eq!(parse("a:7"), ("a".into(), Ok(Cut::Lines(7, 7))));
        assert_eq!(parse("a:2-5"), ("a".into(), Ok(Cut::Lines(2, 5))));
        assert_eq!(parse("a \"b c\""), ("a".into(), Ok(words("b c", None))));
        assert_eq!(parse("a \"b\" \"c\""), ("a".into(), Ok(words("b", Some("c")))));
        for line in ["a:", "a:x", "a:1-", "a:1 \"b\"", "a b c d"] {
            let (name, cut) = parse(line);
            assert!(name == "a" && cut.is_err(), "{line}: {cut:?}");
        }
    }

    #[test]
    fn lines_can_be_chosen_by_number() {
        let output = "one\ntwo\nthree";
        assert_eq!(cut("a:2", output).unwrap(), "…\ntwo\n…");
        assert_eq!(cut("a:1-3", output).unwrap(), output);
        for range in ["a:0-1", "a:3-2", "a:2-4"] {
            assert!(cut(range, output).is_err());
        }
    }

    #[test]
    fn lines_can_be_chosen_by_their_words() {
        let output = "HEAD\nstep   loss\n  1    4.2\n\n  2    3.1\nend";
        assert_eq!(cut("a HEAD", output).unwrap(), "HEAD\nstep   loss\n  1    4.2\n…");
        assert_eq!(cut("a \"step loss\"", output).unwrap(), "…\nstep   loss\n  1    4.2\n…");
        assert_eq!(cut("a step 2", output).unwrap(), "…\nstep   loss\n  1    4.2\n\n  2    3.1\n…");
        assert_eq!(cut("a 2", output).unwrap(), "…\n  2    3.1\nend");
        assert_eq!(cut("a step step", output).unwrap(), "…\nstep   loss\n…", "one line");
        assert_eq!(cut("a HEAD end", output).unwrap(), output);
    }

    #[test]
    fn words_that_name_no_line_or_two_are_told() {
        let output = "step 1\nstep 10\nend";
        let fault = |line: &str| cut(line, output).unwrap_err();
        assert_eq!(fault("a none"), "no line begins with `none`");
        assert_eq!(fault("a \"step 1\""), "its lines 1 and 2 both begin with `step 1`");
        assert_eq!(fault("a end step"), "no line from its line 3 on begins with `step`");
    }
}
