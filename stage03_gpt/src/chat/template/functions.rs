//! The functions that `transformers` gives to a chat template, besides those of the language.
//!
//! | name | does |
//! |---|---|
//! | `raise_exception(reason)` | refuses the conversation |
//! | `strftime_now(format)` | the date of today, in UTC |
//! | `tojson` | a value as JSON, as Python writes it |
//!
//! What this file leaves out: of `strftime` the rarely used fields, which stay as they are.

use std::time::{SystemTime, UNIX_EPOCH};

use minijinja::value::{Kwargs, Value};
use minijinja::{Environment, Error, ErrorKind, State};
use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

/// What the error of `raise_exception` begins with.
pub(super) const REFUSED: &str = "raise_exception: ";

/// The largest indentation of JSON: a template names it, and it is not believed.
const WIDEST: usize = 16;

/// Adds the functions.
pub(super) fn add_functions(environment: &mut Environment) {
    environment.add_function("raise_exception", |reason: String| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, format!("{REFUSED}{reason}")))
    });
    environment.add_function("strftime_now", |format: String| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        strftime(&format, since.as_secs())
    });
    environment.add_filter("tojson", to_json);
}

/// The methods of Python's strings, lists and dictionaries, by `minijinja-contrib`.
///
/// Of `format` only the plain form, `'{}'.format(x)`: the width of `'{:999999999999}'` would be
/// taken for the length of a text, and memory asked for it.
pub(super) fn method(
    state: &mut State,
    value: &Value,
    method: &str,
    arguments: &[Value],
) -> Result<Value, Error> {
    if let (Some(text), "format") = (value.as_str(), method)
        && text.split('{').skip(1).any(|part| part.split('}').next().unwrap_or(part).contains(':'))
    {
        let problem = "format with a width or a type is not known here";
        return Err(Error::new(ErrorKind::InvalidOperation, problem));
    }
    minijinja_contrib::pycompat::unknown_method_callback(state, value, method, arguments)
}

/// `json.dumps(value, ensure_ascii=False, indent=indent)` of Python.
fn to_json(value: &Value, arguments: Kwargs) -> Result<String, Error> {
    let indent: Option<usize> = arguments.get("indent")?;
    // The others only change how keys are sorted or separated, which templates leave as it is.
    let _: Option<bool> = arguments.get("ensure_ascii")?;
    arguments.assert_all_used()?;
    let mut json = Vec::new();
    let written = match indent {
        None => value.serialize(&mut Serializer::with_formatter(&mut json, Spaced)),
        Some(n) => {
            let indent = " ".repeat(n.min(WIDEST));
            let style = PrettyFormatter::with_indent(indent.as_bytes());
            value.serialize(&mut Serializer::with_formatter(&mut json, style))
        }
    };
    let failed = |error: String| Error::new(ErrorKind::BadSerialization, error);
    written.map_err(|error| failed(error.to_string()))?;
    String::from_utf8(json).map_err(|error| failed(error.to_string()))
}

/// JSON in one line, with a space after each comma and colon, as Python writes it.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
    ) -> std::io::Result<()> {
        writer.write_all(b": ")
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const DAYS: [&str; 7] =
    ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];

/// A moment by the rules of C's `strftime`, in UTC. `seconds`: since the beginning of 1970.
fn strftime(format: &str, seconds: u64) -> String {
    let (day, time) = (seconds / 86_400, seconds % 86_400);
    let (year, month, date) = civil(day);
    let (weekday, name) = (DAYS[day as usize % 7], MONTHS[month - 1]);
    let mut text = String::new();
    let mut signs = format.chars();
    while let Some(sign) = signs.next() {
        if sign != '%' {
            text.push(sign);
            continue;
        }
        match signs.next() {
            Some('Y') => text += &year.to_string(),
            Some('y') => text += &format!("{:02}", year % 100),
            Some('m') => text += &format!("{month:02}"),
            Some('B') => text += name,
            Some('b') => text += &name[..3],
            Some('d') => text += &format!("{date:02}"),
            Some('A') => text += weekday,
            Some('a') => text += &weekday[..3],
            Some('H') => text += &format!("{:02}", time / 3600),
            Some('M') => text += &format!("{:02}", time / 60 % 60),
            Some('S') => text += &format!("{:02}", time % 60),
            Some('%') => text.push('%'),
            Some(other) => text.extend(['%', other]),
            None => text.push('%'),
        }
    }
    text
}

/// Year, month and day of the month of a day, which is counted from the first of January 1970.
fn civil(day: u64) -> (u64, usize, u64) {
    let (mut year, mut left) = (1970, day);
    let leap = |year: u64| {
        (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400)
    };
    // 400 years have 146,097 days.
    year += left / 146_097 * 400;
    left %= 146_097;
    loop {
        let days = if leap(year) { 366 } else { 365 };
        if left < days {
            break;
        }
        (year, left) = (year + 1, left - days);
    }
    let february = if leap(year) { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while left >= lengths[month] {
        left -= lengths[month];
        month += 1;
    }
    (year, month + 1, left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `date -u -d @SECONDS` writes them.
    #[test]
    fn a_date_is_that_of_the_calendar() {
        let format = "%A %a, %d %B %b %m %Y %y, %H:%M:%S 100%% %q %";
        for (seconds, expected) in [
            (0, "Thursday Thu, 01 January Jan 01 1970 70, 00:00:00"),
            (951_827_696, "Tuesday Tue, 29 February Feb 02 2000 00, 12:34:56"),
            (1_735_689_599, "Tuesday Tue, 31 December Dec 12 2024 24, 23:59:59"),
            (4_107_542_400, "Monday Mon, 01 March Mar 03 2100 00, 00:00:00"),
        ] {
            assert_eq!(strftime(format, seconds), format!("{expected} 100% %q %"));
        }
    }
}
