//! `chat` with a model that was taught to: turns by its template, streaming, and commands.
//!
//! What this file leaves out: what the conversation is, and how it becomes tokens
//! ([`chat`](crate::chat)).

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use stage01_bigram::random::{Generator, Purpose, generator};
use stage01_bigram::sampling::Sampler;
use stage01_bigram::text::{printable, thousands, wrap};
use stage01_bigram::{Error, Result, files};

use super::Flags;
use super::command::{self, Command};
use super::input::{Input, Keyboard};
use super::word_wrap::WordWrap;
use crate::chat::conversation::Conversation;
use crate::chat::session::{Event, Finish, Session};
use crate::cli::screen::{Screen, remark, width, without_controls};
use crate::cli::stop;
use crate::model::Model;

/// How many tokens an answer has at most, unless told otherwise.
const MAX_NEW_TOKENS: usize = 1000;

/// A prompt with so many tokens takes seconds, and a bar shows how far it was read.
const LONG: usize = 200;

/// Runs the command.
pub(super) fn chat(flags: &Flags, model: &Model) -> Result<ExitCode> {
    refuse_flags(flags)?;
    let sampler = flags.sampling.sampler()?;
    let session = Session::new(model)?;
    let mut keyboard = Keyboard::open(!flags.no_history)?;
    let mut talk = Talk {
        flags,
        session,
        conversation: Conversation::new(flags.system.as_deref()),
        temperature: flags.sampling.distribution.temperature,
        sampler,
        rng: generator(flags.sampling.seed, Purpose::Sampling, 0),
        screen: Screen::new(),
        person: keyboard.is_terminal(),
        file: None,
    };
    if talk.person {
        talk.note("Write a message; /help lists the commands, Ctrl-D ends.");
    }
    listen(talk.person);
    let mut warned = false;
    while !talk.screen.is_gone() {
        let text = match keyboard.read()? {
            Input::End => break,
            Input::Interrupted if warned => break,
            Input::Interrupted => {
                warned = true;
                talk.note("(Ctrl-C again ends, and so does Ctrl-D)");
                continue;
            }
            Input::Text(text) => text,
        };
        warned = false;
        if text.trim().is_empty() {
            continue;
        }
        if text.starts_with('/') {
            match command::parse(&text) {
                Ok(Command::Quit) => break,
                Ok(command) => talk.obey(command)?,
                Err(problem) => talk.note(&problem),
            }
        } else {
            talk.conversation.ask(text.trim());
            talk.answer()?;
        }
    }
    talk.screen.end()
}

/// Flags that only mean something where a text is continued.
fn refuse_flags(flags: &Flags) -> Result<()> {
    if let Some(shift) = flags.sampling.context_shift {
        let expected = "this model was taught to chat: whole turns are left out when the context is \
                        full; leave the flag out";
        return Err(Error::setting("--context-shift", shift, expected));
    }
    if flags.ignore_eos {
        let expected = "this model was taught to chat, and its answer ends with its turn; leave the \
                        flag out";
        return Err(Error::setting("--ignore-eos", true, expected));
    }
    Ok(())
}

/// Set by Ctrl-C while an answer is written.
static STOP: AtomicBool = AtomicBool::new(false);
/// Whether an answer is being written to a person.
static ANSWERING: AtomicBool = AtomicBool::new(false);

/// Lets Ctrl-C stop an answer. Asked twice, or while no answer is written, the process ends at
/// once.
fn listen(person: bool) {
    let listening = ctrlc::set_handler(move || {
        if !person || !ANSWERING.load(Relaxed) || STOP.swap(true, Relaxed) {
            files::exit(stop::STATUS.into());
        }
    });
    if let Err(e) = listening {
        remark(format!("note: Ctrl-C will not stop an answer but the program ({e})"));
    }
}

/// A conversation in a terminal.
struct Talk<'m> {
    flags: &'m Flags,
    session: Session<'m>,
    conversation: Conversation,
    temperature: f64,
    sampler: Sampler,
    rng: Generator,
    screen: Screen,
    /// Whether a person reads and types, and not a program.
    person: bool,
    /// The file that this conversation was read from or written to: it may be replaced.
    file: Option<PathBuf>,
}

impl Talk<'_> {
    /// Answers the question of the conversation.
    ///
    /// A person may ask another question where a template refuses one; a program is told by the
    /// exit status.
    fn answer(&mut self) -> Result<()> {
        STOP.store(false, Relaxed);
        ANSWERING.store(true, Relaxed);
        let answered = self.stream();
        ANSWERING.store(false, Relaxed);
        match answered {
            Ok(()) => Ok(()),
            Err(error @ (Error::Text { .. } | Error::UnknownCharacter { .. })) if self.person => {
                self.conversation.take_question();
                self.note(&error.to_string());
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn stream(&mut self) -> Result<()> {
        let limit = self.flags.max_new_tokens.unwrap_or(MAX_NEW_TOKENS);
        let Talk { session, conversation, sampler, rng, screen, person, .. } = self;
        let mut wrap = (*person).then(|| WordWrap::new(width()));
        let messages = conversation.messages().to_vec();
        let answer = session.answer(&messages, sampler, rng, limit, |event| {
            match event {
                Event::Shifted { dropped } => tell_shift(screen, *person, dropped),
                Event::Reading { done, of } if of >= LONG && *person => match done {
                    0 => screen.start_bar(0, of),
                    _ if done == of => screen.end_bar(),
                    _ => screen.progress(done, || "tokens read".into()),
                },
                Event::Reading { .. } | Event::Silent => {}
                Event::Text(text) => match &mut wrap {
                    Some(wrap) => screen.write(wrap.push(&without_controls(text)).as_bytes()),
                    None => screen.text(text),
                },
            }
            !STOP.load(Relaxed) && !screen.is_gone()
        });
        screen.end_bar();
        let answer = answer?;
        if let Some(mut wrap) = wrap {
            screen.write(wrap.end().as_bytes());
        }
        screen.line("");
        match answer.finish {
            Finish::Stop => {}
            Finish::Length => self.note("(this is the largest number of tokens of an answer)"),
            Finish::Interrupted if answer.text.is_empty() => {
                self.note("(stopped before the first word; the question is taken back)");
            }
            Finish::Interrupted => self.note("(stopped)"),
        }
        match answer.text.is_empty() && answer.finish == Finish::Interrupted {
            true => drop(self.conversation.take_question()),
            false => self.conversation.answer(answer.text),
        }
        if self.person {
            self.screen.line("");
        }
        Ok(())
    }

    fn obey(&mut self, command: Command) -> Result<()> {
        match command {
            Command::Help => self.screen.line(command::help(width())),
            Command::Quit => {}
            Command::Reset => {
                let system = self.conversation.system().map(str::to_string);
                self.begin(Conversation::new(system.as_deref()));
                self.note("(a new conversation)");
            }
            Command::ShowSystem => match self.conversation.system() {
                Some(text) => self.note(&printable(text)),
                None => self.note("(none of yours; the template may have its own)"),
            },
            Command::System(text) => {
                self.conversation.set_system(text);
                self.note(if text.is_some() { "(the system text is set)" } else { "(removed)" });
            }
            Command::ShowTemperature => self.note(&format!("{}", self.temperature)),
            Command::Temperature(temperature) => {
                self.sampler = self.flags.sampling.sampler_at(temperature)?;
                self.temperature = temperature;
                self.note(&format!("(the temperature is {temperature})"));
            }
            Command::Retry => match self.conversation.take_answer() {
                true => self.answer()?,
                false => self.note("there is no message to answer"),
            },
            Command::Tokens => self.tell_tokens()?,
            Command::Save(path) => {
                let path = command::typed_path(path);
                match self.save(&path) {
                    Ok(()) => self.note(&format!("(written to {})", shown(&path))),
                    Err(error) => self.refuse(error)?,
                }
            }
            Command::Load(path) => {
                let path = command::typed_path(path);
                match Conversation::read(&path) {
                    Ok(read) => {
                        self.load(read);
                        self.file = Some(path);
                    }
                    Err(error) => self.refuse(error)?,
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, conversation: Conversation) {
        self.conversation = conversation;
        self.session.clear();
        self.file = None;
    }

    /// Writes the conversation. A file that is there is replaced only if it is this conversation's.
    fn save(&mut self, path: &Path) -> Result<()> {
        if path.exists() && self.file.as_deref() != Some(path) {
            let remedy = "choose another name, so that it is kept, or /load it first";
            return Err(Error::format(path, "it is there already", remedy));
        }
        self.conversation.write(path)?;
        self.file = Some(path.into());
        Ok(())
    }

    /// Goes on with a conversation that was read, and shows its last turn.
    fn load(&mut self, read: Conversation) {
        self.begin(read);
        let turns = self.conversation.turns();
        self.note(&format!("(a conversation of {})", counted(turns, "question")));
        if self.person && turns > 0 {
            let messages = self.conversation.messages();
            let start = messages.len() - if self.conversation.question().is_some() { 1 } else { 2 };
            for message in &messages[start..] {
                let turn = format!("\n{}: {}", message.role.name(), message.content);
                let mut wrap = WordWrap::new(width());
                let begun = wrap.push(&without_controls(&turn));
                self.screen.line(begun + &wrap.end());
            }
            self.screen.line("");
        }
        if self.conversation.question().is_some() {
            self.note("(the last message has no answer: /retry answers it)");
        }
    }

    fn tell_tokens(&mut self) -> Result<()> {
        self.session.follow(self.conversation.messages());
        let (used, of) = (self.session.cached(), self.session.context_len());
        let mut text = format!("{} of {} tokens of the context", thousands(used), thousands(of));
        if self.session.dropped() > 0 {
            text +=
                &format!("; the oldest {} left out", counted(self.session.dropped(), "message"));
        }
        self.note(&text);
        Ok(())
    }

    /// An error of a command: a line for a person, and the end for a program.
    fn refuse(&self, error: Error) -> Result<()> {
        if !self.person {
            return Err(error);
        }
        self.note(&error.to_string());
        Ok(())
    }

    /// A line about the conversation: on the screen of a person, and beside the output of a
    /// program.
    fn note(&self, text: &str) {
        note(&self.screen, self.person, text);
    }
}

/// A path as it may stand in a line on the screen.
fn shown(path: &Path) -> String {
    printable(&path.display().to_string()).into_owned()
}

fn note(screen: &Screen, person: bool, text: &str) {
    match person {
        true => screen.line(wrap(text, width(), "")),
        false => remark(text),
    }
}

/// Says that the context was full.
fn tell_shift(screen: &mut Screen, person: bool, dropped: usize) {
    let left = counted(dropped, "message");
    note(
        screen,
        person,
        &format!("(the context is full: the oldest {left} left out from here on)"),
    );
}

/// `1 message is`, `2 messages are`, for what follows.
fn counted(number: usize, what: &str) -> String {
    let (end, verb) = if number == 1 { ("", "is") } else { ("s", "are") };
    match what {
        "message" => format!("{number} message{end} {verb}"),
        _ => format!("{number} {what}{end}"),
    }
}
