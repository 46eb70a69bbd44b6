//! A trained model and its tokenizer: text in, text out.
//!
//! ```
//! use stage03_gpt::model::{GenerateSettings, Model};
//! # use stage01_bigram::{corpus::Corpus, tokenizer::TokenizerKind};
//! # use stage03_gpt::{config::GptConfig, text_data::TextData, text_training::TextTraining};
//! # let text = "In the beginning God created the heaven and the earth. ".repeat(30);
//! # let corpus = Corpus { text, origin: "a verse".into() };
//! # let tokenizer = TokenizerKind::Char.train(&corpus.text)?;
//! # let config = GptConfig { vocab_size: tokenizer.vocab_size(), ..GptConfig::default() };
//! # let data = TextData::new(&corpus, &tokenizer, config.block_size)?;
//! # let model = TextTraining::new(config, data, Default::default())?.into_model(tokenizer);
//! # let directory = tempfile::tempdir().unwrap();
//! # let out = directory.path();
//! # model.save(out)?;
//!
//! let model = Model::load(out)?; // such as "out/gpt", where `stage03_gpt train` saves
//! let settings = GenerateSettings { max_new_tokens: 50, ..GenerateSettings::default() };
//! let text = model.generate("In the beginning", &settings)?;
//! assert_eq!(text.chars().count(), 50);
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! What this file leaves out: the KV cache ([`generate`](crate::generate)), and the files of a
//! model ([`files`](crate::files), where [`Model::load`] is).

use stage01_bigram::random::{Generator, Purpose, generator};
use stage01_bigram::sampling::Sampler;
use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result};
use stage02_attention::params::Params;
use stage02_attention::weights::{BlockWeights, Weights};

use crate::files::hugging_face::TextSettings;
use crate::generate::Decoder;
use crate::gpt::Gpt;
use crate::text_stream::TextStream;

/// A model with its weights and its tokenizer, ready for use.
#[derive(Debug)]
pub struct Model {
    /// Its architecture.
    pub gpt: Gpt,
    /// Its weights.
    pub weights: ModelWeights,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// The tokens that begin and end a text.
    pub special: SpecialTokens,
    /// What else its files say about texts, such as the chat template.
    pub text_settings: TextSettings,
}

/// The weights of a model.
#[derive(Debug)]
pub enum ModelWeights {
    /// In full precision: they can be trained and written into any file.
    Full(Params<f32>),
    /// As a file has them, for inference alone: see [`Model::load_quantised`].
    Blocks(BlockWeights),
}

impl ModelWeights {
    /// Either, to be multiplied by.
    pub fn for_inference(&self) -> &dyn Weights<f32> {
        match self {
            ModelWeights::Full(params) => params,
            ModelWeights::Blocks(blocks) => blocks,
        }
    }
}

/// The tokens that begin and end a text, as the files of a model name them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpecialTokens {
    /// What a text begins with: `bos_token_id`. GPT-2 was trained on texts behind its
    /// end-of-text token, so there both are one.
    pub bos: Option<u32>,
    /// What a text may end with: `eos_token_id`, one or several.
    pub eos: Vec<u32>,
}

impl SpecialTokens {
    /// Those of a model that was trained here: the tokenizer's end-of-text token is both.
    pub fn of(tokenizer: &Tokenizer) -> SpecialTokens {
        let end = tokenizer.end_of_text();
        SpecialTokens { bos: end, eos: end.into_iter().collect() }
    }
}

/// How a text is generated.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerateSettings {
    /// The largest number of tokens to generate.
    pub max_new_tokens: usize,
    /// Divides the logits: below 1 the likely becomes likelier; 0 always takes the likeliest.
    pub temperature: f64,
    /// Samples among the K likeliest tokens only.
    pub top_k: Option<usize>,
    /// Samples among the likeliest tokens that together reach this probability.
    pub top_p: Option<f64>,
    /// The seed: the same one gives the same text.
    pub seed: u64,
}

impl Default for GenerateSettings {
    fn default() -> Self {
        let (max_new_tokens, temperature, seed) = (200, 0.8, 1337);
        GenerateSettings { max_new_tokens, temperature, top_k: None, top_p: None, seed }
    }
}

const NO_PARAMS: &str = "the model was loaded for inference; Model::load reads it in full";

impl Model {
    /// A decoder of this model, before its first token.
    ///
    /// # Errors
    /// As [`Decoder::new`].
    pub fn decoder(&self, context_shift: Option<usize>) -> Result<Decoder<'_, f32>> {
        Decoder::new(&self.gpt, self.weights(), context_shift)
    }

    /// Checks that a line can be answered by a model that knows no turns: a character and the line
    /// break behind it, after the token that begins a text where there is one, and a token of the
    /// answer.
    ///
    /// # Errors
    /// [`Error::Setting`] when the context is too short for them.
    pub fn require_line_context(&self) -> Result<()> {
        // A vocabulary may have no line break.
        let line_break = self.tokenizer.encode("\n").map_or(0, |tokens| tokens.len());
        let least = usize::from(self.special.bos.is_some()) + line_break + 2;
        require_context(self.gpt.config().block_size, least)
    }

    /// The weights, for inference.
    pub fn weights(&self) -> &dyn Weights<f32> {
        self.weights.for_inference()
    }

    /// The weights in full precision.
    ///
    /// # Panics
    /// When the model was loaded by [`Model::load_quantised`] and has none: a bug.
    pub fn params(&self) -> &Params<f32> {
        match &self.weights {
            ModelWeights::Full(params) => params,
            ModelWeights::Blocks(_) => panic!("{NO_PARAMS}"),
        }
    }

    /// [`Model::params`], to change them.
    ///
    /// # Panics
    /// As [`Model::params`].
    pub fn params_mut(&mut self) -> &mut Params<f32> {
        match &mut self.weights {
            ModelWeights::Full(params) => params,
            ModelWeights::Blocks(_) => panic!("{NO_PARAMS}"),
        }
    }

    /// [`Model::params`], without the rest of the model.
    ///
    /// # Panics
    /// As [`Model::params`].
    pub fn into_params(self) -> Params<f32> {
        match self.weights {
            ModelWeights::Full(params) => params,
            ModelWeights::Blocks(_) => panic!("{NO_PARAMS}"),
        }
    }

    /// Continues a prompt: the text that follows it, without the prompt itself. It ends after
    /// `max_new_tokens`, or at a token that ends a text.
    ///
    /// An empty prompt stands for the beginning of a text.
    ///
    /// # Errors
    /// When the prompt has a character that the tokenizer does not know, when a setting cannot be
    /// used, and when the model computes NaN.
    pub fn generate(&self, prompt: &str, settings: &GenerateSettings) -> Result<String> {
        let mut text = String::new();
        self.generate_with(prompt, settings, |piece| {
            text.push_str(piece);
            true
        })?;
        Ok(text)
    }

    /// [`Model::generate`] as a stream: `more` gets each piece of text as soon as it is decoded,
    /// and returns whether to continue. Returns whether a token ended the text.
    ///
    /// # Errors
    /// As [`Model::generate`].
    pub fn generate_with(
        &self,
        prompt: &str,
        settings: &GenerateSettings,
        more: impl FnMut(&str) -> bool,
    ) -> Result<bool> {
        let Model { tokenizer, special, .. } = self;
        let &GenerateSettings { max_new_tokens, temperature, top_k, top_p, seed } = settings;
        let mut sampler = Sampler::new(temperature, top_k, top_p)?;
        let tokens = match (prompt, special.bos) {
            ("", Some(bos)) => vec![bos],
            ("", None) => encode_prompt(tokenizer, "\n")?,
            _ => encode_prompt(tokenizer, prompt)?,
        };
        let mut decoder = self.decoder(None)?;
        decoder.prefill(&tokens)?;
        let mut rng = generator(seed, Purpose::Sampling, 0);
        let ends = &special.eos;
        write_text(&mut decoder, tokenizer, ends, &mut sampler, &mut rng, max_new_tokens, more)
    }
}

/// Checks the length of a context.
///
/// least: how many tokens the shortest message and its answer take.
///
/// # Errors
/// [`Error::Setting`] when it is too short.
pub(crate) fn require_context(context: usize, least: usize) -> Result<()> {
    if context >= least {
        return Ok(());
    }
    let expected = format!(
        "the shortest message and the first token of its answer take {least} tokens; choose at \
         least {least}, or a model with a longer context"
    );
    Err(Error::setting("--context", context, expected))
}

/// The tokens of a prompt: at least one, because a model continues a text. Special tokens may be
/// spelled in it, as in other programs. Those with which the tokenizer begins every text stand first.
///
/// # Errors
/// [`Error::Setting`] for an empty prompt, and those of the tokenizer.
pub fn encode_prompt(tokenizer: &Tokenizer, prompt: &str) -> Result<Vec<u32>> {
    if prompt.is_empty() {
        let expected = "give at least one character, such as a line break ($'\\n' in most shells)";
        return Err(Error::setting("--prompt", "\"\"", expected));
    }
    let (mut tokens, text) =
        (tokenizer.template().before.clone(), tokenizer.encode_with_special(prompt)?);
    // A prompt may spell the token that begins a text; it is not put there twice.
    match text.starts_with(&tokens) {
        true => Ok(text),
        false => {
            tokens.extend(text);
            Ok(tokens)
        }
    }
}

/// Generates up to `limit` tokens and passes their text to `more`, until `more` returns false, or
/// until one of the tokens in `ends`, which is not passed on. Returns whether one of these ended
/// the text.
///
/// A character may be spread over several tokens, so its bytes are held back until it is complete,
/// or until no token follows.
///
/// # Errors
/// When the model computes NaN.
pub fn write_text(
    decoder: &mut Decoder<f32>,
    tokenizer: &Tokenizer,
    ends: &[u32],
    sampler: &mut Sampler,
    rng: &mut Generator,
    limit: usize,
    mut more: impl FnMut(&str) -> bool,
) -> Result<bool> {
    let mut stream = TextStream::default();
    for written in 1..=limit {
        decoder.check()?;
        // A model may have more places for tokens than its tokenizer has tokens.
        let token = decoder.decode_step(sampler, rng);
        let ended = ends.contains(&token);
        if (token as usize) < tokenizer.vocab_size() && !ended {
            stream.push(&tokenizer.decode_bytes(&[token])?);
        }
        let ready = if ended || written == limit { stream.rest() } else { stream.ready() };
        if ended && ready.is_empty() {
            return Ok(true);
        }
        if !more(&ready) || ended {
            return Ok(ended);
        }
    }
    Ok(false)
}

/// A short text by a model in training, after a line break, at temperature 0.8.
///
/// first: the token to begin with where the vocabulary has no line break.
///
/// # Errors
/// [`Error::Setting`] when the context does not fit into memory.
pub fn sample(
    gpt: &Gpt,
    params: &Params<f32>,
    tokenizer: &Tokenizer,
    first: u32,
    tokens: usize,
    seed: u64,
) -> Result<String> {
    let mut decoder = Decoder::new(gpt, params, None)?;
    let line_break = tokenizer.encode("\n").ok().filter(|tokens| !tokens.is_empty());
    decoder.prefill(&line_break.unwrap_or(vec![first]))?;
    let mut sampler = Sampler::new(0.8, None, None)?;
    let mut rng = generator(seed, Purpose::Sampling, 0);
    let text = (0..tokens).map(|_| decoder.decode_step(&mut sampler, &mut rng));
    // A model may have more places for tokens than its tokenizer has tokens.
    let known = |token: &u32| (*token as usize) < tokenizer.vocab_size();
    let text: Vec<u32> = text.filter(known).collect();
    tokenizer.decode(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::GptConfig;
    use stage01_bigram::tokenizer::CharTokenizer;

    fn model(special: SpecialTokens) -> Model {
        let tokenizer = Tokenizer::Char(CharTokenizer::train("a quick fox\n").unwrap());
        let config = GptConfig {
            vocab_size: tokenizer.vocab_size(),
            block_size: 8,
            n_layer: 1,
            n_head: 2,
            n_embd: 8,
            ..GptConfig::default()
        };
        let gpt = Gpt::new(config).unwrap();
        let params = gpt.initialise(&mut generator(1, Purpose::Initialisation, 0));
        let weights = ModelWeights::Full(params);
        Model { gpt, weights, tokenizer, special, text_settings: TextSettings::default() }
    }

    #[test]
    fn a_prompt_is_continued_and_the_seed_decides_how() {
        let model = model(SpecialTokens::default());
        let settings = GenerateSettings { max_new_tokens: 30, ..GenerateSettings::default() };
        let text = model.generate("a fox", &settings).unwrap();
        assert_eq!(text.chars().count(), 30);
        assert_eq!(text, model.generate("a fox", &settings).unwrap());
        let other = GenerateSettings { seed: 2, ..settings.clone() };
        assert_ne!(text, model.generate("a fox", &other).unwrap());
        // An empty prompt is a line break.
        let empty = model.generate("", &settings).unwrap();
        assert_eq!(empty, model.generate("\n", &settings).unwrap());
        assert!(model.generate("a cat?", &settings).is_err());
        assert!(model.generate("a", &GenerateSettings { temperature: -1.0, ..settings }).is_err());
    }

    #[test]
    fn the_token_that_ends_a_text_ends_it() {
        let settings = GenerateSettings { max_new_tokens: 400, ..GenerateSettings::default() };
        let all = model(SpecialTokens::default()).generate("a", &settings).unwrap();
        let tokenizer = model(SpecialTokens::default()).tokenizer;
        let special = SpecialTokens { bos: None, eos: tokenizer.encode("x").unwrap() };
        let ended = model(special).generate("a", &settings).unwrap();
        assert_eq!(Some(ended.as_str()), all.split('x').next());
        assert!(ended.len() < all.len());
    }
}
