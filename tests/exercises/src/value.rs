//! What an answer computes: numbers, rows, tables, tokens, text. Compared, and printed.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

/// Something that an answer has computed.
#[derive(Clone, Debug)]
pub enum Value {
    /// One number.
    Number(f64),
    /// A count, a size, a token.
    Count(i64),
    /// A row of numbers.
    Row(Vec<f64>),
    /// A table of numbers.
    Table(Array2<f64>),
    /// A row of counts or of tokens.
    Counts(Vec<i64>),
    /// A text, or a choice.
    Text(String),
}

/// Two numbers are the same if their difference is below this part of the largest one beside them.
const TOLERANCE: f64 = 1e-9;

/// A difference below this is rounding, whatever stands beside it.
const ZERO: f64 = 1e-12;

impl Value {
    /// Whether both are the same, up to rounding. Two NaN are the same.
    pub fn same(&self, other: &Value) -> bool {
        self.difference(other).is_none()
    }

    /// The first place in which they differ; an empty one where they differ as a whole.
    pub fn difference(&self, other: &Value) -> Option<Vec<usize>> {
        match (self, other) {
            (Value::Number(a), Value::Number(b)) => {
                (!close(*a, *b, a.abs().max(b.abs()))).then(Vec::new)
            }
            (Value::Row(a), Value::Row(b)) if a.len() == b.len() => {
                let scale = scale(a.iter().chain(b));
                a.iter().zip(b).position(|(&a, &b)| !close(a, b, scale)).map(|i| vec![i])
            }
            (Value::Table(a), Value::Table(b)) if a.dim() == b.dim() => {
                let scale = scale(a.iter().chain(b));
                let place = a.iter().zip(b).position(|(&a, &b)| !close(a, b, scale));
                place.map(|i| vec![i / a.ncols(), i % a.ncols()])
            }
            (Value::Counts(a), Value::Counts(b)) if a.len() == b.len() => {
                a.iter().zip(b).position(|(a, b)| a != b).map(|i| vec![i])
            }
            (Value::Count(a), Value::Count(b)) => (a != b).then(Vec::new),
            (Value::Text(a), Value::Text(b)) => (a != b).then(Vec::new),
            _ => Some(Vec::new()),
        }
    }

    /// What it is, with its size: "a row of 3 numbers".
    pub fn kind(&self) -> String {
        match self {
            Value::Number(_) => "a number".into(),
            Value::Count(_) => "a count".into(),
            Value::Row(row) if row.len() == 1 => "a row of one number".into(),
            Value::Counts(row) if row.len() == 1 => "one whole number".into(),
            Value::Row(row) => format!("a row of {} numbers", row.len()),
            Value::Table(table) => format!("a table of {} x {}", table.nrows(), table.ncols()),
            Value::Counts(row) => format!("{} whole numbers", row.len()),
            Value::Text(_) => "a text".into(),
        }
    }

    /// The value as lines of text; of a long one what is around `place`.
    pub fn lines(&self, place: &[usize]) -> Vec<String> {
        let at = |axis: usize| place.get(axis).copied().unwrap_or(0);
        match self {
            Value::Number(number) => vec![short(*number)],
            Value::Count(count) => vec![count.to_string()],
            Value::Row(row) => vec![cut(row, at(0), |&x| short(x))],
            Value::Counts(row) => vec![cut(row, at(0), i64::to_string)],
            Value::Table(table) => {
                let first = at(0).saturating_sub(2);
                let rows: Vec<Vec<String>> = (table.rows().into_iter().skip(first).take(5))
                    .map(|row| row.iter().map(|&x| short(x)).collect())
                    .collect();
                let width = rows.iter().flatten().map(String::len).max().unwrap_or(0);
                let mut lines: Vec<String> =
                    rows.iter().map(|row| cut(row, at(1), |x| format!("{x:>width$}"))).collect();
                if first > 0 {
                    lines.insert(0, format!("({first} rows before)"));
                }
                if first + 5 < table.nrows() {
                    lines.push(format!("({} rows after)", table.nrows() - first - 5));
                }
                lines
            }
            Value::Text(text) => {
                let text: Vec<char> = text.chars().take(400).collect();
                vec![format!("{:?}", String::from_iter(text))]
            }
        }
    }
}

/// Up to nine entries around a place, as wide as each other.
fn cut<T>(row: &[T], place: usize, print: impl Fn(&T) -> String) -> String {
    const SHOWN: usize = 9;
    let first = if row.len() <= SHOWN { 0 } else { place.saturating_sub(3).min(row.len() - SHOWN) };
    let shown: Vec<String> = row.iter().skip(first).take(SHOWN).map(print).collect();
    let width = shown.iter().map(String::len).max().unwrap_or(0);
    let shown: Vec<String> = shown.iter().map(|entry| format!("{entry:>width$}")).collect();
    let before = if first > 0 { "… " } else { "" };
    let after = if first + SHOWN < row.len() { " …" } else { "" };
    format!("{before}{}{after}", shown.join("  "))
}

/// A number in about five digits.
pub fn short(x: f64) -> String {
    if x == x.trunc() && x.abs() < 1e6 {
        format!("{x:.0}")
    } else if x.is_finite() && (x.abs() >= 1e6 || x.abs() < 1e-3) {
        format!("{x:.3e}")
    } else if x.is_finite() {
        format!("{x:.4}")
    } else {
        format!("{x}")
    }
}

fn scale<'a>(numbers: impl Iterator<Item = &'a f64>) -> f64 {
    numbers.map(|x| x.abs()).filter(|x| x.is_finite()).fold(0.0, f64::max)
}

fn close(a: f64, b: f64, scale: f64) -> bool {
    let finite = a.is_finite() && b.is_finite();
    a == b || (a.is_nan() && b.is_nan()) || (finite && (a - b).abs() <= TOLERANCE * scale + ZERO)
}

/// Implements `From` by an expression.
macro_rules! from {
    ($($from:ty: $x:ident => $value:expr;)*) => {
        $(impl From<$from> for Value {
            fn from($x: $from) -> Value {
                $value
            }
        })*
    };
}

from! {
    f64: x => Value::Number(x);
    f32: x => Value::Number(x.into());
    usize: x => Value::Count(x as i64);
    u64: x => Value::Count(x as i64);
    u32: x => Value::Count(x.into());
    i64: x => Value::Count(x);
    i32: x => Value::Count(x.into());
    Vec<f64>: x => Value::Row(x);
    &[f64]: x => Value::Row(x.to_vec());
    Array1<f64>: x => Value::Row(x.to_vec());
    ArrayView1<'_, f64>: x => Value::Row(x.to_vec());
    Array2<f64>: x => Value::Table(x);
    ArrayView2<'_, f64>: x => Value::Table(x.to_owned());
    Vec<usize>: x => Value::Counts(x.into_iter().map(|x| x as i64).collect());
    Vec<u32>: x => Value::Counts(x.into_iter().map(i64::from).collect());
    Vec<i64>: x => Value::Counts(x);
    &[u32]: x => Value::Counts(x.iter().map(|&x| x.into()).collect());
    String: x => Value::Text(x);
    &str: x => Value::Text(x.into());
    char: x => Value::Text(x.into());
    bool: x => Value::Text(if x { "yes" } else { "no" }.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_the_same_up_to_rounding() {
        assert!(Value::from(0.1 + 0.2).same(&Value::from(0.3)));
        assert!(!Value::from(0.1 + 0.2).same(&Value::from(0.3001)));
        assert!(Value::from(f64::NAN).same(&Value::from(f64::NAN)));
        assert!(!Value::from(f64::NAN).same(&Value::from(1.0)));
        assert!(!Value::from(f64::INFINITY).same(&Value::from(f64::NEG_INFINITY)));
        assert!(!Value::from(2.0).same(&Value::from(2usize)));
    }

    #[test]
    fn the_first_difference_has_a_place() {
        let (a, b) = (Value::from(vec![1.0, 2.0, 3.0]), Value::from(vec![1.0, 2.5, 4.0]));
        assert_eq!(a.difference(&b), Some(vec![1]));
        assert_eq!(a.difference(&Value::from(vec![1.0])), Some(vec![]));
        let table = |x| Value::from(Array2::from_shape_fn((2, 3), |(i, j)| (i * j) as f64 * x));
        assert_eq!(table(1.0).difference(&table(2.0)), Some(vec![1, 1]));
    }

    #[test]
    fn long_rows_are_cut_around_the_place() {
        let row = Value::from((0..100).map(f64::from).collect::<Vec<_>>());
        assert_eq!(row.lines(&[50]), ["… 47  48  49  50  51  52  53  54  55 …"]);
        assert_eq!(row.lines(&[99]), ["… 91  92  93  94  95  96  97  98  99"]);
    }
}
