//! The tokenizer among the metadata of a GGUF file.
//!
//! | key, behind `tokenizer.ggml.` | holds |
//! |---|---|
//! | `model` | `gpt2`: byte-level BPE, the kind that is read and written here |
//! | `pre` | the name of the pre-tokenization rule |
//! | `tokens`, `token_type`, `merges` | the vocabulary: [`Parts`] |
//! | `bos_token_id`, `eos_token_id`, `eot_token_id` | the tokens that begin and end a text, a turn |
//! | `add_bos_token` | whether every text begins with the first of them |
//!
//! and `tokenizer.chat_template`, the template of a conversation.
//!
//! A character tokenizer is written as a byte-level vocabulary too: the bytes of a character are
//! merged, one after another, until they are its token. It is recognised when it is read again.

use stage01_bigram::Result;
use stage01_bigram::tokenizer::bpe::{Parts, token_type};
use stage01_bigram::tokenizer::{BpeTokenizer, CharTokenizer, END_OF_TEXT, Tokenizer};

use super::{Array, GgufFile, Value};
use crate::model::SpecialTokens;

const MODEL: &str = "tokenizer.ggml.model";
const PRE: &str = "tokenizer.ggml.pre";
const TOKENS: &str = "tokenizer.ggml.tokens";
const TYPES: &str = "tokenizer.ggml.token_type";
const MERGES: &str = "tokenizer.ggml.merges";
const BOS: &str = "tokenizer.ggml.bos_token_id";
const EOS: &str = "tokenizer.ggml.eos_token_id";
const EOT: &str = "tokenizer.ggml.eot_token_id";
/// Whether the model has a token that ends a text; only our files have this entry, and only where it
/// has none.
const HAS_END: &str = "stage03_gpt.has_end_token";
const ADD_BOS: &str = "tokenizer.ggml.add_bos_token";
pub(super) const CHAT_TEMPLATE: &str = "tokenizer.chat_template";

/// The rule that puts a token before every text unless the file says otherwise, as llama.cpp does.
const ADDS_BOS: &str = "llama-bpe";

/// The kind of vocabulary that is read and written here.
const BYTE_LEVEL: &str = "gpt2";

/// The chat template, if the file has one.
///
/// # Errors
/// [`Format`](stage01_bigram::Error::Format) when it is no text.
pub(super) fn chat_template(file: &GgufFile) -> Result<Option<String>> {
    Ok(file.metadata().optional::<&str>(CHAT_TEMPLATE)?.map(str::to_string))
}

/// Makes the tokenizer of a file.
///
/// # Errors
/// [`Format`](stage01_bigram::Error::Format) when an entry is missing or does not fit, and for other
/// kinds of vocabularies.
pub(super) fn read(file: &GgufFile) -> Result<Tokenizer> {
    let metadata = file.metadata();
    let model: &str = metadata.required(MODEL)?;
    if model != BYTE_LEVEL {
        let expected = "gpt2, a byte-level vocabulary, which is the kind that is read here";
        return Err(metadata.wrong(MODEL, expected));
    }
    let pre = metadata.optional::<&str>(PRE)?.unwrap_or("gpt-2");
    let add_bos = metadata.optional(ADD_BOS)?.unwrap_or(pre == ADDS_BOS);
    let parts = Parts {
        tokens: metadata.required::<&[String]>(TOKENS)?.to_vec(),
        types: metadata.optional::<&[i32]>(TYPES)?.unwrap_or_default().to_vec(),
        merges: metadata.required::<&[String]>(MERGES)?.to_vec(),
        pre_tokenizer: pre.to_string(),
        bos: if add_bos { metadata.optional(BOS)? } else { None },
    };
    if let Some(characters) = Alphabet::new()?.characters(&parts) {
        return Ok(Tokenizer::Char(characters));
    }
    parts.tokenizer(file.path()).map(Tokenizer::Bpe)
}

/// The tokens that begin and end a text.
///
/// # Errors
/// [`Format`](stage01_bigram::Error::Format) for a number outside the vocabulary.
pub(super) fn special_tokens(file: &GgufFile, tokenizer: &Tokenizer) -> Result<SpecialTokens> {
    let metadata = file.metadata();
    let find = |key: &str| match metadata.optional::<u32>(key)? {
        Some(token) if token as usize >= metadata.required::<&[String]>(TOKENS)?.len() => {
            Err(metadata.wrong(key, "a number below that of the tokens"))
        }
        token => Ok(token),
    };
    if metadata.optional(HAS_END)? == Some(false) {
        return Ok(SpecialTokens::default());
    }
    let end = tokenizer.end_of_text();
    let eos = [find(EOS)?.or(end), find(EOT)?];
    let mut eos: Vec<u32> = eos.into_iter().flatten().collect();
    eos.dedup();
    Ok(SpecialTokens { bos: find(BOS)?.or(end), eos })
}

/// What a file says of a tokenizer.
pub(super) struct Written {
    pub(super) metadata: Vec<(String, Value)>,
    /// The number of tokens, which is that of the rows of the embedding.
    pub(super) vocab_size: usize,
}

/// The metadata of a tokenizer. vocab_size: how many places for tokens the model has.
///
/// # Errors
/// [`Setting`](stage01_bigram::Error::Setting) where the format cannot say how the tokenizer encodes.
pub(super) fn write(
    tokenizer: &Tokenizer,
    special: &SpecialTokens,
    vocab_size: usize,
) -> Result<Written> {
    let mut parts = match tokenizer {
        Tokenizer::Bpe(tokenizer) => tokenizer.parts()?,
        Tokenizer::Char(tokenizer) => Alphabet::new()?.parts(tokenizer),
    };
    let own = special.eos.first().copied().or(tokenizer.end_of_text());
    let eos = match own.or(never_written(tokenizer)) {
        Some(token) => token,
        None => {
            parts.tokens.push(END_OF_TEXT.to_string());
            parts.types.push(token_type::CONTROL);
            parts.tokens.len() as u32 - 1
        }
    };
    // Every row of the embedding has a token.
    for place in parts.tokens.len()..vocab_size {
        parts.tokens.push(format!("[PAD{place}]"));
        parts.types.push(token_type::UNUSED);
    }
    let vocab_size = parts.tokens.len();
    let bos = special.bos.unwrap_or(eos);
    let texts = |list| Value::Array(Array::String(list));
    let mut metadata = vec![
        (MODEL, Value::String(BYTE_LEVEL.into())),
        (PRE, Value::String(parts.pre_tokenizer)),
        (TOKENS, texts(parts.tokens)),
        (TYPES, Value::Array(Array::I32(parts.types))),
        (MERGES, texts(parts.merges)),
        (BOS, Value::U32(parts.bos.unwrap_or(bos))),
        (EOS, Value::U32(eos)),
        (ADD_BOS, Value::Bool(parts.bos.is_some())),
    ];
    if own.is_none() {
        metadata.push((HAS_END, Value::Bool(false)));
    }
    if let Some(&turn) = special.eos.get(1) {
        metadata.push((EOT, Value::U32(turn)));
    }
    let metadata = metadata.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
    Ok(Written { metadata, vocab_size })
}

/// The token of a byte that no text in UTF-8 has, of a byte-level vocabulary. Its logit is as small as
/// the training made it, so it can stand for the end of a text in a model that never ends one.
fn never_written(tokenizer: &Tokenizer) -> Option<u32> {
    let Tokenizer::Bpe(bytes) = tokenizer else { return None };
    let last = |&id: &u32| bytes.token_bytes(id) == Some(&[0xff][..]);
    (0..tokenizer.vocab_size() as u32).find(last)
}

/// The spelling of each byte as a visible character.
struct Alphabet {
    letters: Vec<String>,
}

impl Alphabet {
    fn new() -> Result<Alphabet> {
        let bytes = BpeTokenizer::train(" ", 256)?;
        let mut letters = vec![String::new(); 256];
        for (id, letter) in (0..).zip(bytes.parts()?.tokens) {
            if let Some(&[byte]) = bytes.token_bytes(id) {
                letters[usize::from(byte)] = letter;
            }
        }
        Ok(Alphabet { letters })
    }

    /// The bytes of a character, each spelled.
    fn spell(&self, character: char) -> Vec<&str> {
        let mut bytes = [0; 4];
        let bytes = character.encode_utf8(&mut bytes).bytes();
        bytes.map(|byte| self.letters[usize::from(byte)].as_str()).collect()
    }

    /// The parts of a byte-level vocabulary with a token for each character.
    fn parts(&self, tokenizer: &CharTokenizer) -> Parts {
        let spelled = tokenizer.characters().iter().map(|&character| self.spell(character));
        let mut merges: Vec<String> = Vec::new();
        for letters in spelled.clone() {
            for end in 1..letters.len() {
                let merge = format!("{} {}", letters[..end].concat(), letters[end]);
                if !merges.contains(&merge) {
                    merges.push(merge);
                }
            }
        }
        Parts {
            tokens: spelled.map(|letters| letters.concat()).collect(),
            types: vec![token_type::NORMAL; tokenizer.vocab_size()],
            merges,
            pre_tokenizer: "gpt-2".into(),
            bos: None,
        }
    }

    /// The characters of a vocabulary that [`Alphabet::parts`] made; none for any other.
    fn characters(&self, parts: &Parts) -> Option<CharTokenizer> {
        // A byte-level vocabulary has a token for each byte.
        if self.letters.iter().all(|letter| parts.tokens.contains(letter)) {
            return None;
        }
        let normal = parts.types.iter().take_while(|&&kind| kind == token_type::NORMAL).count();
        let tokens = &parts.tokens[..normal.min(parts.tokens.len())];
        let characters: Option<String> = tokens.iter().map(|token| self.read(token)).collect();
        let tokenizer = CharTokenizer::train(&characters?).ok()?;
        (self.parts(&tokenizer).tokens == tokens).then_some(tokenizer)
    }

    /// The character that is spelled, if it is one.
    fn read(&self, token: &str) -> Option<char> {
        let byte = |letter: char| {
            let same = |other: &String| other.chars().eq([letter]);
            self.letters.iter().position(same).map(|byte| byte as u8)
        };
        let bytes: Option<Vec<u8>> = token.chars().take(5).map(byte).collect();
        let text = String::from_utf8(bytes?).ok()?;
        let mut characters = text.chars();
        characters.next().filter(|_| characters.next().is_none())
    }
}
