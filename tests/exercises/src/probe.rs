//! Asking an answer: what its functions compute, function by function.
//!
//! A check calls the functions of an answer and shows their results to a [`Probe`]. It does not
//! know what is right: the same check asks the solution, and [`verdict`](crate::verdict) compares.
//! So a check has no number in it that somebody typed, except where a rule says what must hold
//! of any right answer.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use crate::value::Value;

/// What was seen of an answer.
#[derive(Debug, Default)]
pub struct Probe {
    /// Its functions, in the order in which they were asked.
    pub parts: Vec<Part>,
    /// Whether notes are printed.
    pub talks: bool,
}

/// What was seen of one function of an answer, or of one thing that is asked of it.
#[derive(Debug, Default)]
pub struct Part {
    /// The name of the function.
    pub name: String,
    /// Each result: what it is, and its value.
    pub seen: Vec<(String, Value)>,
    /// The first rule that was broken: what must hold, and what was found.
    pub broken: Option<String>,
    /// The message of the panic that ended it.
    pub panic: Option<Panic>,
    /// Numbers that were not computed by the answer: what they are, and their value.
    pub computed: Vec<(String, Value)>,
}

/// A panic of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Panic {
    /// What it said.
    pub message: String,
    /// File and line.
    pub place: String,
}

impl Panic {
    /// Whether it is the `todo!()` of a stub.
    pub fn is_todo(&self) -> bool {
        self.message.starts_with("not yet implemented")
    }
}

impl Probe {
    /// Asks one function. A panic in it ends this part alone.
    pub fn part(&mut self, name: &str, ask: impl FnOnce(&mut Part)) {
        keep_panics();
        let mut part = Part { name: name.into(), ..Part::default() };
        ASKING.set(true);
        let result = panic::catch_unwind(AssertUnwindSafe(|| ask(&mut part)));
        ASKING.set(false);
        if result.is_err() {
            part.panic = LAST.take();
        }
        self.parts.push(part);
    }

    /// Prints a line for the reader, such as a row of a curve. It is not compared.
    pub fn note(&self, line: impl AsRef<str>) {
        if self.talks {
            crate::out!("  {}", line.as_ref());
        }
    }
}

impl Part {
    /// Records a result. `what` says what it is: "softmax of \[1, 2, 3\]".
    pub fn see(&mut self, what: impl Into<String>, value: impl Into<Value>) {
        self.seen.push((what.into(), value.into()));
    }

    /// Records a guess of the reader, beside the number that the machine computes.
    pub fn predict(&mut self, what: &str, guess: impl Into<Value>, truth: impl Into<Value>) {
        self.see(what, guess);
        self.computed.push((what.into(), truth.into()));
    }

    /// What must hold of any right answer. The message says what was found, what must hold, and
    /// what to look at.
    pub fn rule(&mut self, holds: bool, message: impl FnOnce() -> String) {
        if !holds && self.broken.is_none() {
            self.broken = Some(message());
        }
    }

    /// Whether both were seen to do the same.
    pub fn same(&self, other: &Part) -> bool {
        let message = |part: &Part| part.panic.as_ref().map(|panic| panic.message.clone());
        self.seen.len() == other.seen.len()
            && self.seen.iter().zip(&other.seen).all(|((_, a), (_, b))| a.same(b))
            && self.broken.is_some() == other.broken.is_some()
            && message(self) == message(other)
    }
}

/// Asks a version of an answer. Nothing is printed.
pub fn ask(check: fn(&mut Probe)) -> Vec<Part> {
    let mut probe = Probe::default();
    check(&mut probe);
    probe.parts
}

thread_local! {
    /// Whether this thread is asking an answer.
    static ASKING: Cell<bool> = const { Cell::new(false) };
    /// The last panic of an answer on this thread.
    static LAST: RefCell<Option<Panic>> = const { RefCell::new(None) };
}

/// From now on, what a panic of an answer says is kept and not printed.
fn keep_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !ASKING.get() {
                return usual(info);
            }
            let place = info.location().map(|at| format!("{}:{}", at.file(), at.line()));
            let payload = info.payload();
            let text = payload.downcast_ref::<&str>().copied();
            let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
            let message = text.unwrap_or("a panic").to_owned();
            LAST.set(Some(Panic { message, place: place.unwrap_or_default() }));
        }));
    });
}
