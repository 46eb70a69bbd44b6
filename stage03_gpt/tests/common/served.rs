//! Small models with random weights, and a server of one.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::net::TcpListener;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stage01_bigram::Result;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::tokenizer::bpe::token_type;
use stage01_bigram::tokenizer::{BpeTokenizer, CharTokenizer, Tokenizer};
use stage02_attention::params::{Params, fill_normal};
use stage03_gpt::config::GptConfig;
use stage03_gpt::files::hugging_face::TextSettings;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::model::{Model, ModelWeights, SpecialTokens};
use stage03_gpt::serve::{Settings, serve};

use super::http::Client;

/// The context of the small models.
pub const CONTEXT: usize = 256;
/// That of the long one: at its end a token takes a millisecond, so all of them more than a minute.
pub const LONG: usize = 200_000;

const TEMPLATE: &str = "{% for message in messages %}<|im_start|>{{ message.role }}\n\
                        {{ message.content }}<|im_end|>\n{% endfor %}\
                        {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// A model that was taught to chat, and learned nothing.
pub fn tiny_model() -> Model {
    let mut text_settings = TextSettings::default();
    text_settings.chat_template = Some(TEMPLATE.to_string());
    model(chat_tokenizer(), text_settings, CONTEXT, 16)
}

/// One that writes a special token, over and over.
pub fn silent_model() -> Model {
    let tokenizer = chat_tokenizer();
    let token = tokenizer.encode_with_special("<|im_start|>").unwrap()[0] as usize;
    let mut model = model(tokenizer, TextSettings::default(), LONG, 4);
    model.gpt = Gpt::new(GptConfig { bias: true, ..model.gpt.config().clone() }).unwrap();
    let mut params = Params::zeros(model.gpt.layout());
    // The result of the last layer norm is its bias: the logits of all other tokens are 0.
    for tensor in model.gpt.layout().tensors() {
        let values = &mut params.values[tensor.range()];
        match tensor.name.as_str() {
            "ln_f.bias" => values.fill(9.0),
            "wte.weight" => values[4 * token..][..4].fill(9.0),
            _ => {}
        }
    }
    model.weights = ModelWeights::Full(params);
    model
}

fn chat_tokenizer() -> Tokenizer {
    let text = "the user asks and the assistant of the system answers the user ".repeat(9);
    let mut parts = BpeTokenizer::train(&text, 300).unwrap().parts().unwrap();
    parts.types.resize(parts.tokens.len(), token_type::NORMAL);
    for spelling in ["<|im_start|>", "<|im_end|>"] {
        parts.tokens.push(spelling.to_string());
        parts.types.push(token_type::CONTROL);
    }
    Tokenizer::Bpe(parts.tokenizer(Path::new("a test")).unwrap())
}

/// One that knows characters, and no turns.
pub fn untaught_model() -> Model {
    let tokenizer = Tokenizer::Char(CharTokenizer::train("a hello user\ngos").unwrap());
    model(tokenizer, TextSettings::default(), CONTEXT, 16)
}

/// One whose answers may be very long.
pub fn long_model() -> Model {
    let tokenizer = Tokenizer::Char(CharTokenizer::train("a the hello user\ngos").unwrap());
    model(tokenizer, TextSettings::default(), LONG, 4)
}

fn model(
    tokenizer: Tokenizer,
    text_settings: TextSettings,
    block_size: usize,
    n_embd: usize,
) -> Model {
    let vocab_size = tokenizer.vocab_size();
    let sizes = GptConfig {
        vocab_size,
        block_size,
        n_layer: 1,
        n_head: 2,
        n_embd,
        bias: true,
        ..GptConfig::default()
    };
    let gpt = Gpt::new(sizes).unwrap();
    let mut params = Params::zeros(gpt.layout());
    fill_normal(&mut params.values, 0.4, &mut generator(3, Purpose::Initialisation, 0));
    let (weights, special) = (ModelWeights::Full(params), SpecialTokens::default());
    Model { gpt, weights, tokenizer, special, text_settings }
}

/// A server, until it is dropped.
pub struct Server {
    client: Client,
    model: Arc<Model>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Deref for Server {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Server {
    pub fn new(model: Model, settings: impl FnOnce(Settings) -> Settings) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = Client { port: listener.local_addr().unwrap().port() };
        let usual = Settings { grace: Duration::ZERO, ..Settings::new("tiny") };
        let settings = settings(usual);
        let (model, stop) = (Arc::new(model), Arc::new(AtomicBool::new(false)));
        let (served, told) = (model.clone(), stop.clone());
        let run = move || serve(&served, listener, &settings, || told.load(Ordering::SeqCst));
        Server { client, model, stop, thread: Some(std::thread::spawn(run)) }
    }

    /// The tokens of a text.
    pub fn tokens(&self, text: &str) -> Vec<u32> {
        self.model.tokenizer.encode(text).unwrap()
    }

    /// Waits until the state of the server is so.
    pub fn wait(&self, is_so: impl Fn(&Value) -> bool) {
        let start = Instant::now();
        loop {
            let health = self.get("/health").json();
            if is_so(&health) {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "it stays {health}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Fails if the server does not answer any more.
    pub fn lives(&self) {
        let request = json!({"prompt": "the", "max_tokens": 2});
        assert_eq!(self.post("/v1/completions", &request).status, 200);
    }

    pub fn tell_to_stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// Waits for its end, which must be a good one.
    pub fn join(mut self) {
        self.tell_to_stop();
        self.thread.take().unwrap().join().unwrap().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tell_to_stop();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.unwrap().unwrap();
            }
        }
    }
}
