//! A server that answers as OpenAI's does, and a page to chat on.
//!
//! ```text
//! client -> guard -> api -> queue -> engine: one thread, one model, one KV cache
//!        <----------- reply <----- events
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`request`], [`fields`] | what a client asks for, checked |
//! | [`api`] | paths, methods, the key |
//! | [`queue`], [`job`] | who waits; what connections and the model tell each other |
//! | [`engine`] | the thread of the model, and its KV cache |
//! | [`stop`] | stop sequences, held back where they are spread over tokens |
//! | [`reply`], [`error`] | the responses, whole or as a stream |
//! | [`page`] | the page to chat on |
//!
//! One thread computes, because one text already uses all cores. Requests are answered in the order
//! in which they come. A client that goes away is dropped, and its answer ends before the next
//! token.
//!
//! HTTP itself, with a limit on everything that a client can do, is `loopback_server`'s. The form of
//! requests and responses follows OpenAI's *API reference* (chat, completions, models), and is
//! tested with its client for Python.
//!
//! ```no_run
//! use std::net::TcpListener;
//! use std::path::Path;
//! use stage03_gpt::model::Model;
//! use stage03_gpt::serve::{Settings, serve};
//!
//! let model = Model::load_quantised(Path::new("models/SmolLM2-135M-Instruct.Q4_1.gguf"))?;
//! let listener = TcpListener::bind("127.0.0.1:8000").expect("the port is free");
//! serve(&model, listener, &Settings::new("SmolLM2"), || false)?;
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! What this module leaves out: several texts at a time (batching), tools, pictures, log-probabilities,
//! embeddings, TLS.

pub mod api;
pub mod engine;
pub mod error;
pub mod fields;
pub mod job;
pub mod page;
pub mod queue;
pub mod reply;
pub mod request;
pub mod stop;
mod token;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use loopback_server::Method;
use loopback_server::guard::Guard;
use loopback_server::server::{Limits, run_until};
use stage01_bigram::{Error, Result};

use self::api::Api;
use self::engine::Engine;
use self::error::{ApiError, refusal};
use self::job::{Desk, Event};
use self::request::Sampling;
use crate::model::Model;

/// The largest request body, in bytes. A context of 100,000 tokens is half of that.
pub const BODY: u64 = 1 << 20;

/// What a request is told that comes too late.
const STOPPING: &str = "the server is stopping; try again when it is there again";

/// The methods that are answered.
const METHODS: &[Method] = &[Method::GET, Method::HEAD, Method::POST];

/// How a model is served.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The name of the model.
    pub name: String,
    /// What a request gets that says nothing about sampling.
    pub defaults: Sampling,
    /// The key that each request must have, if there is one.
    pub key: Option<String>,
    /// How many requests may wait.
    pub queue: usize,
    /// How long a request may take, from its arrival to the end of its answer.
    pub time: Duration,
    /// How long a running answer may go on when the server was told to stop.
    pub grace: Duration,
    /// Whether other machines may ask, and names by which they do, besides IP addresses.
    pub open_to: Option<Vec<String>>,
}

impl Settings {
    /// The usual settings, for this machine alone.
    pub fn new(name: &str) -> Settings {
        Settings {
            name: name.to_string(),
            defaults: Sampling::default(),
            key: None,
            queue: 32,
            time: Duration::from_secs(600),
            grace: Duration::from_secs(5),
            open_to: None,
        }
    }
}

/// Serves a model until `stop` returns true: then what waits is refused, and what is being written
/// is finished, or cut after [`Settings::grace`].
///
/// # Errors
/// Those of [`engine::check`], when the model's KV cache does not fit into memory, and when the
/// listener cannot be used, such as one that other machines reach without
/// [`Settings::open_to`].
pub fn serve(
    model: &Model,
    listener: TcpListener,
    settings: &Settings,
    stop: impl Fn() -> bool,
) -> Result<()> {
    let mut engine = Engine::new(model)?;
    let desk = Arc::new(Desk::new(settings.queue));
    let failed = |error: std::io::Error| {
        let remedy = "name another address with --host and --port";
        Error::setting("the address of the server", error, remedy)
    };
    let address = listener.local_addr().map_err(failed)?;
    let mut guard = Guard::new(address, METHODS, BODY).refusing_with(refusal);
    if let Some(names) = &settings.open_to {
        guard = guard.open_to(names.iter().cloned());
    }
    let context = model.gpt.config().block_size;
    let chats = model.text_settings.chat_template.is_some();
    let api = Arc::new(Api {
        defaults: settings.defaults.clone(),
        key: settings.key.clone(),
        time: settings.time,
        ..Api::new(desk.clone(), &settings.name, context, chats)
    });
    let limits = Limits {
        // Those who wait, the one whose turn it is, and some who look at the page.
        connections: settings.queue + 128,
        body: BODY,
        request: Duration::from_secs(30),
        connection: settings.time + Duration::from_secs(60),
        stop: settings.grace + Duration::from_secs(5),
        ..Limits::default()
    };
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            // If the thread panics, those who wait must learn it.
            let _close = Close(&desk, settings.grace);
            engine.work(&desk);
        });
        let stopped = async {
            while !stop() && !worker.is_finished() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            close(&desk, settings.grace);
        };
        let handler = move |request| {
            let api = api.clone();
            async move { api.respond(request).await }
        };
        let served = run_until(listener, guard, limits, handler, stopped).map_err(failed);
        close(&desk, Duration::ZERO);
        match worker.join() {
            Ok(()) => served,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Refuses what waits, and gives the running answer some time.
fn close(desk: &Desk, grace: Duration) {
    desk.cut.get_or_init(|| Instant::now() + grace);
    for job in desk.queue.close() {
        let _ = job.events.send(Event::Failed(ApiError::busy(STOPPING)));
    }
}

/// Closes the queue when it is dropped.
struct Close<'d>(&'d Desk, Duration);

impl Drop for Close<'_> {
    fn drop(&mut self) {
        close(self.0, self.1);
    }
}
