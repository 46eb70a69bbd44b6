//! The chat template: the model's own rule for writing a conversation as one text.
//!
//! It comes with the model's files and is a small program in the language Jinja, such as
//!
//! ```jinja
//! {% for message in messages %}<|im_start|>{{ message.role }}
//! {{ message.content }}<|im_end|>
//! {% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
//! {% endif %}
//! ```
//!
//! Another text than the one that a model was trained on still gives answers, and worse ones. So
//! the template is run, by the crate `minijinja`, and gets what `transformers` gives it, so that
//! the text is the same to the byte (Hugging Face, *Chat templates*; the tests hold it to their
//! results):
//!
//! - the variables `messages`, `add_generation_prompt`, `bos_token`, `eos_token` and the other
//!   tokens that the model's files spell; `tools` and `documents`, which are none;
//! - `raise_exception`, with which a template refuses a conversation, `strftime_now`, and `tojson`;
//! - the methods of Python's strings, lists and dictionaries; `break` and `continue`; the line
//!   break after a block and the spaces before it are removed (`trim_blocks`, `lstrip_blocks`).
//!
//! A template is somebody else's program. It reads no files and no variables of the environment:
//! the language has nothing for that. It gets so many steps, of which a long text costs more than
//! one, so much output and so deep a recursion, and an error names its line.
//!
//! What this file leaves out: tokens, which are made in [`prompt`](super::prompt).

mod functions;

use std::io::{self, Write};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind, Value, context};
use stage01_bigram::{Error, Result};

use self::functions::{REFUSED, add_functions, method};
use super::message::Message;
use crate::model::Model;

/// The name of the template, in errors.
const NAME: &str = "the model's chat template";
/// The longest template, in bytes. Those of models have up to 20,000; what reads
/// them takes a time that grows with the square of a chain of operators.
const LONGEST: usize = 50_000;
/// The stack on which a template is read and run, in bytes. A long chain of operators is read by a
/// function that calls itself for each of them. Memory that is not touched is not taken.
const STACK: usize = 512 << 20;
/// How many steps a template may take, and how many more for each message and for each byte of
/// them.
const STEPS: (u64, u64, u64) = (500_000, 20_000, 1);
/// How many bytes a template may write, and how many more for each byte of the messages.
const OUTPUT: (usize, usize) = (1_000_000, 8);
/// How deep macros and loops may call each other.
const DEPTH: usize = 50;

/// A template that was checked, ready to be run.
#[derive(Debug)]
pub struct Template {
    environment: Environment<'static>,
    source: String,
    /// The spelled tokens, by the names under which templates ask for them.
    tokens: Vec<(String, String)>,
}

impl Template {
    /// The template of a model.
    ///
    /// # Errors
    /// [`Error::Text`] when the model has none, and as [`Template::new`].
    pub fn of(model: &Model) -> Result<Template> {
        let Some(source) = &model.text_settings.chat_template else {
            let problem =
                "it has no chat template: it was never taught to chat, it continues texts";
            return Err(Error::text("the model", problem, "take an instruct or chat model"));
        };
        Template::new(source, tokens(model))
    }

    /// A template from its source. `tokens`: the spellings of the special tokens, by their names,
    /// such as `bos_token`.
    ///
    /// # Errors
    /// [`Error::Text`] when it is no program in Jinja, with the line, or is very long.
    pub fn new(source: &str, tokens: Vec<(String, String)>) -> Result<Template> {
        if source.len() > LONGEST {
            let problem =
                format!("it is {} bytes long, and at most {LONGEST} are read", source.len());
            return Err(Error::text(NAME, problem, "take another model"));
        }
        let environment = on_large_stack(|| compile(source))?.map_err(|error| {
            let problem = format!("{}{}", line(&error), what(&error));
            Error::text(NAME, problem, "it cannot be used; take another model")
        })?;
        Ok(Template { environment, source: source.to_string(), tokens })
    }

    /// Its source.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Writes messages as one text.
    ///
    /// add_generation_prompt: whether the text ends where the model's answer begins.
    ///
    /// # Errors
    /// [`Error::Text`] when the template refuses the messages, with its reason, when it fails, and
    /// when it exceeds a limit, with the line.
    pub fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String> {
        on_large_stack(|| self.run(messages, add_generation_prompt))?
    }

    // ANCHOR: render
    fn run(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String> {
        let mut environment = self.environment.clone();
        let length: usize = messages.iter().map(|message| message.content.len()).sum();
        let (base, each, byte) = STEPS;
        environment.set_fuel(Some(base + each * messages.len() as u64 + byte * length as u64));
        for (name, spelling) in &self.tokens {
            environment.add_global(name.clone(), spelling.clone());
        }
        let mut output = Limited { bytes: Vec::new(), left: OUTPUT.0 + OUTPUT.1 * length };
        let none = Value::from(());
        let variables = context! {
            messages => Serde(messages), add_generation_prompt,
            tools => none.clone(), documents => none,
        };
        let template = environment.get_template(NAME).map_err(|error| failure(&error))?;
        template.render_captured_to(variables, &mut output).map_err(|error| failure(&error))?;
        Ok(String::from_utf8(output.bytes).expect("a template writes whole texts"))
    }
    // ANCHOR_END: render
}

/// Reads a template.
fn compile(source: &str) -> std::result::Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    // ANCHOR: environment
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("a valid syntax"));
    environment.set_recursion_limit(DEPTH);
    environment.set_unknown_method_callback(method);
    add_functions(&mut environment);
    // ANCHOR_END: environment
    environment.add_template_owned(NAME, without_generation_tags(source))?;
    Ok(environment)
}

/// Calls a function on a thread with a large stack.
fn on_large_stack<T: Send>(call: impl FnOnce() -> T + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, call);
        let thread = thread.map_err(Error::file("start a thread for", NAME))?;
        Ok(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// The spellings of a model's special tokens, under the names that templates use.
fn tokens(model: &Model) -> Vec<(String, String)> {
    let spelled = |id: &u32| model.tokenizer.decode(&[*id]).ok();
    let (bos, eos) = (model.special.bos.as_ref(), model.special.eos.first());
    let found = [("bos_token", bos.and_then(spelled)), ("eos_token", eos.and_then(spelled))];
    let mut tokens: Vec<(String, String)> = found
        .into_iter()
        .filter_map(|(name, spelling)| Some((name.to_string(), spelling?)))
        .filter(|(name, _)| model.text_settings.token(name).is_none())
        .collect();
    let named = model.text_settings.tokens();
    tokens.extend(named.map(|(name, spelling)| (name.to_string(), spelling.to_string())));
    tokens
}

/// A template without the tags `generation` and `endgeneration`, which mark what a model is trained
/// on and write nothing.
fn without_generation_tags(source: &str) -> String {
    let mut plain = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let (before, tag) = rest.split_at(start);
        plain.push_str(before);
        let end = tag.find("%}").map_or(tag.len(), |end| end + 2);
        let (tag, after) = tag.split_at(end);
        let name = tag.trim_matches(|c: char| "{}%-+".contains(c) || c.is_whitespace());
        match name {
            "generation" => plain.push_str(&tag.replacen("generation", "if true", 1)),
            "endgeneration" => plain.push_str(&tag.replacen("endgeneration", "endif", 1)),
            _ => plain.push_str(tag),
        }
        rest = after;
    }
    plain + rest
}

/// An error that a template ended with.
fn failure(error: &minijinja::Error) -> Error {
    let (problem, remedy) = match (error.kind(), error.detail()) {
        (ErrorKind::InvalidOperation, Some(detail)) if detail.starts_with(REFUSED) => {
            let reason = detail[REFUSED.len()..].to_string();
            return Error::text(NAME, format!("it refuses this conversation: {reason}"), REMEDY);
        }
        (ErrorKind::OutOfFuel, _) => ("it takes too many steps".into(), ANOTHER),
        (ErrorKind::WriteFailure, _) => ("it writes too much".into(), ANOTHER),
        _ => (what(error), ANOTHER),
    };
    Error::text(NAME, format!("{}{problem}", line(error)), remedy)
}

const REMEDY: &str = "change the messages so that it accepts them";
const ANOTHER: &str = "it does not work for this conversation; take another model";

fn line(error: &minijinja::Error) -> String {
    error.line().map_or(String::new(), |line| format!("line {line}: "))
}

/// What is wrong, with the cause of its cause, where an error has one.
fn what(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

/// An output of limited length.
struct Limited {
    bytes: Vec<u8>,
    left: usize,
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.left.checked_sub(bytes.len()) {
            None => return Err(io::ErrorKind::FileTooLarge.into()),
            Some(left) => self.left = left,
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
