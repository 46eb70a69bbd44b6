//! `serve`: a model as a server, with a page to chat on.
//!
//! The server itself is the module `serve` of this crate, behind the feature of the same name;
//! without it the command says so.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use stage01_bigram::Result;

use super::Distribution;

/// What the server answers, at the end of the help.
const PATHS: &str = "\
Paths:
  POST /v1/chat/completions  answer a conversation
  POST /v1/completions       continue a text
  GET  /v1/models            the name of the model
  GET  /health               how many requests wait
  GET  /                     the page";

/// Serve a model to browsers and programs on this machine.
///
/// The server speaks OpenAI's language: whatever can talk to that interface can talk to your model,
/// once it is told the address. In a browser the address shows a page to chat on, which is part of
/// the program and asks for nothing from elsewhere.
///
/// One request is computed at a time, on all cores; others wait in a queue, in the order in which
/// they came. A client that goes away is dropped at once. What the last request and the next one
/// begin with in common is read only once. A parameter that this server does not have is refused by
/// its name, and not ignored.
///
/// Only programs on this machine reach it, unless --host says otherwise; pages of other sites that
/// are open in your browser do not. Ctrl-C lets the running answer go on for up to five seconds;
/// pressed twice, it ends the server at once.
#[derive(Clone, Debug, Args)]
#[command(after_help = PATHS)]
pub struct Flags {
    /// The model: a directory, a GGUF file, or its name on the hub.
    #[arg(long, value_name = "DIR", default_value = super::train::OUT_DIR)]
    model: PathBuf,

    /// The port to listen on; 0 takes any that is free.
    #[arg(long, value_name = "N", default_value_t = 8000)]
    port: u16,

    /// The name of the model for clients. [default: that of its directory or file]
    #[arg(long, value_name = "NAME")]
    alias: Option<String>,

    /// How many tokens of context the model gets. Fewer take less memory. [default: its own]
    #[arg(long, value_name = "N")]
    context: Option<usize>,

    #[command(flatten)]
    defaults: Defaults,

    #[command(flatten)]
    network: Network,
}

/// What a request gets that says nothing about it.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Sampling, where a request does not say")]
struct Defaults {
    #[command(flatten)]
    distribution: Distribution,

    /// Lower the logits of tokens that were written lately; 1 is off, 1.1 is usual.
    #[arg(long, value_name = "R", default_value_t = 1.0)]
    repetition_penalty: f64,

    /// The largest number of tokens in one answer. [default: what the context has place for; 16
    /// where a text is continued]
    #[arg(long, value_name = "N")]
    max_tokens: Option<usize>,
}

/// Who may ask, and how much.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Network")]
struct Network {
    /// The address to listen on. With another one than this, other machines can reach the server:
    /// a key is needed then. 0.0.0.0 is all addresses of this machine.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    host: IpAddr,

    /// The key that every request must have. Better in the environment variable
    /// STAGE03_API_KEY, because others on this machine can see the arguments of a program.
    #[arg(long, value_name = "KEY", hide_default_value = true)]
    api_key: Option<String>,

    /// With --host: a name under which other machines may ask, such as `box.home:8000`. IP
    /// addresses are always allowed. Can be given several times.
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,

    /// How many requests may wait; one more is told to come again.
    #[arg(long, value_name = "N", default_value_t = 32)]
    queue: usize,

    /// How many seconds a request may take, from its arrival to the end of its answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
}

/// Runs the command.
///
/// # Errors
/// That the program was built without the feature.
#[cfg(not(feature = "serve"))]
pub fn serve(_: &Flags) -> Result<ExitCode> {
    Err(stage01_bigram::Error::setting(
        "the command",
        "serve",
        "this program was built without its server; run it with the feature: cargo run -p \
         stage03_gpt --features serve -- serve",
    ))
}

#[cfg(feature = "serve")]
pub use running::serve;

#[cfg(feature = "serve")]
mod running {
    use std::io::ErrorKind;
    use std::net::{SocketAddr, TcpListener};
    use std::path::Path;
    use std::time::Duration;

    use stage01_bigram::Error;
    use stage01_bigram::sampling::repetition::RepetitionPenalty;
    use stage01_bigram::text::{printable, thousands, wrap};

    use super::super::locate::locate;
    use super::super::screen::{Screen, remark, width};
    use super::super::stop;
    use super::*;
    use crate::model::Model;
    use crate::serve::request::Sampling;
    use crate::serve::{self as server, Settings};

    /// The environment variable that may hold the key.
    const KEY: &str = "STAGE03_API_KEY";

    /// Runs the command.
    ///
    /// # Errors
    /// When the settings do not fit together, when the model cannot be used, and when the address
    /// is taken.
    pub fn serve(flags: &Flags) -> Result<ExitCode> {
        let settings = settings(flags)?;
        // The port is taken first: loading a model takes longer.
        let address = SocketAddr::new(flags.network.host, flags.port);
        let listener = TcpListener::bind(address).map_err(|error| {
            let remedy = match error.kind() {
                ErrorKind::AddrNotAvailable => "--host must be an address of this machine",
                _ => "another program may listen there: choose another --port, or 0 for any",
            };
            Error::setting(
                "--port",
                flags.port,
                format!("cannot listen on {address}: {error}; {remedy}"),
            )
        })?;
        let address = listener.local_addr().unwrap_or(address);
        let path = locate(&flags.model)?;
        let mut model = Model::load_quantised(&path)?;
        flags.context.map_or(Ok(()), |tokens| model.gpt.shorten_context(tokens))?;
        server::engine::check(&model)?;
        let screen = Screen::new();
        introduce(&screen, &model, &settings, address);
        stop::listen();
        server::serve(&model, listener, &settings, || stop::asked() || screen.is_gone())?;
        if stop::asked() {
            remark("The server has stopped.");
        }
        screen.end()
    }

    /// The settings that the flags and the environment ask for.
    fn settings(flags: &Flags) -> Result<Settings> {
        let Flags { defaults, network, .. } = flags;
        let &Defaults { ref distribution, repetition_penalty, max_tokens } = defaults;
        distribution.sampler_at(distribution.temperature)?;
        RepetitionPenalty::new(repetition_penalty, RepetitionPenalty::WINDOW)?;
        if max_tokens == Some(0) {
            return Err(Error::setting("--max-tokens", 0, "expected at least 1"));
        }
        for (flag, number) in [("--queue", network.queue), ("--timeout", network.timeout as usize)]
        {
            if number == 0 {
                return Err(Error::setting(
                    flag,
                    0,
                    "expected at least 1: nothing would be answered",
                ));
            }
        }
        let key = network.api_key.clone().or_else(|| std::env::var(KEY).ok());
        let usable = |key: &String| !key.is_empty() && key.bytes().all(|b| b.is_ascii_graphic());
        if key.as_ref().is_some_and(|key| !usable(key)) {
            let expected = "expected at least one character, and only letters, digits and signs of \
                            ASCII without spaces: it is sent in a header";
            return Err(Error::setting("--api-key", "…", expected));
        }
        let open = !network.host.is_loopback();
        if open && key.is_none() {
            let expected = format!(
                "other machines can reach this address, and everybody there could use your model \
                 and your computer; set a key that they must know, in the environment variable \
                 {KEY} or with --api-key"
            );
            return Err(Error::setting("--host", network.host, expected));
        }
        if !open && let Some(name) = network.allow_host.first() {
            let expected = "it is for a server that other machines reach; give --host as well";
            return Err(Error::setting("--allow-host", name, expected));
        }
        let name = flags.alias.clone().unwrap_or_else(|| name(&flags.model));
        Ok(Settings {
            defaults: Sampling {
                temperature: distribution.temperature,
                top_k: distribution.top_k,
                top_p: distribution.top_p,
                repetition_penalty,
                max_tokens,
                ..Sampling::default()
            },
            key,
            queue: network.queue,
            time: Duration::from_secs(network.timeout.min(1_000_000)),
            open_to: open.then(|| network.allow_host.clone()),
            ..Settings::new(&name)
        })
    }

    /// The name of a model by its path: without `.gguf`.
    fn name(path: &Path) -> String {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        printable(name.strip_suffix(".gguf").unwrap_or(&name)).into_owned()
    }

    /// Says what is served, where, and how it is used.
    fn introduce(screen: &Screen, model: &Model, settings: &Settings, address: SocketAddr) {
        let context = thousands(model.gpt.config().block_size);
        let weights = thousands(model.gpt.config().n_params());
        let name = printable(&settings.name);
        screen.fact("model", &format!("{name}: {weights} weights, context length: {context}"));
        if model.text_settings.chat_template.is_none() {
            let words = "it was never taught to chat: it has no chat template. It continues a \
                         conversation with one line, as it continues any text";
            screen.fact("note", words);
        }
        // All addresses of a machine are none that a browser can open.
        let shown = match address.ip().is_unspecified() {
            true => format!("localhost:{}", address.port()),
            false => address.to_string(),
        };
        let url = format!("http://{shown}");
        screen.fact("address", &url);
        if settings.open_to.is_some() {
            let words = "other machines can reach this server. What is asked and answered goes \
                         over the network as it is, and so does the key: use it only in a network \
                         that you trust, or behind a proxy with TLS";
            screen.fact("warning", words);
        }
        let wrapped = |text: &str| wrap(text, width(), "");
        screen.line(format!(
            "\n{}\n\n{}\n\n{}\n\n{}\n\n{}\n\nCtrl-C ends it.",
            wrapped(&format!("In a browser: open {url}")),
            wrapped("In a shell:"),
            in_a_shell(&url, settings.key.is_some()),
            wrapped("In Python, with the package openai:"),
            in_python(&url, settings.key.is_some()),
        ));
    }

    /// A first request with curl. Its lines are short, for narrow terminals: what a reader copies is
    /// not wrapped.
    fn in_a_shell(url: &str, has_key: bool) -> String {
        let key = if has_key { "  -H \"Authorization: Bearer $KEY\" \\\n" } else { "" };
        format!(
            "curl {url}/v1/chat/completions \\\n\
             {key}  -H 'Content-Type: application/json' \\\n  \
             -d '{{\"messages\": [{{\n    \
             \"role\": \"user\",\n    \
             \"content\": \"What is gravity?\"}}]}}'"
        )
    }

    /// The same with OpenAI's package.
    fn in_python(url: &str, has_key: bool) -> String {
        let key = if has_key { "KEY" } else { "none" };
        format!(
            "from openai import OpenAI\n\
             client = OpenAI(\n  \
             api_key=\"{key}\",\n  \
             base_url=\"{url}/v1\")\n\
             answer = client.chat.completions.create(\n  \
             model=client.models.list().data[0].id,\n  \
             messages=[{{\"role\": \"user\",\n    \
             \"content\": \"What is gravity?\"}}])\n\
             print(answer.choices[0].message.content)"
        )
    }
}
