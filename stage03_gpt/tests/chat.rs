//! `chat` with a model that has a chat template: with the feature, through pipes; and without it.

mod common;

use std::fs::{self, File};
use std::path::Path;

use common::{Finished, Place};
use stage01_bigram::tokenizer::bpe::token_type;
use stage01_bigram::tokenizer::{BpeTokenizer, Tokenizer};
use stage02_attention::params::Params;
use stage03_gpt::config::GptConfig;
use stage03_gpt::files::hugging_face::{save_description, save_model};
use stage03_gpt::gpt::Gpt;

const TEMPLATE: &str = "\
{% for message in messages %}
    {%- if 'forbidden' in message.content %}{{ raise_exception('this is forbidden') }}{% endif %}
    {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// A model with a chat template, which writes `a` and ends its turn with the given logits, whatever
/// it reads.
fn model(place: &Place, name: &str, a: f32, end: f32) {
    let directory = place.path(name);
    let text = "the user asks the assistant of the system ".repeat(9);
    let mut parts = BpeTokenizer::train(&text, 270).unwrap().parts().unwrap();
    parts.types.resize(parts.tokens.len(), token_type::NORMAL);
    for spelling in ["<|im_start|>", "<|im_end|>"] {
        parts.tokens.push(spelling.to_string());
        parts.types.push(token_type::CONTROL);
    }
    let tokenizer = Tokenizer::Bpe(parts.tokenizer(Path::new("a test")).unwrap());
    let (vocab_size, block_size, n_layer, n_head, n_embd) = (tokenizer.vocab_size(), 256, 1, 1, 8);
    let config = GptConfig {
        vocab_size,
        block_size,
        n_layer,
        n_head,
        n_embd,
        bias: true,
        ..GptConfig::default()
    };
    let gpt = Gpt::new(config).unwrap();
    let mut params = Params::zeros(gpt.layout());
    let range = |name: &str| {
        gpt.layout().tensors().iter().find(|tensor| tensor.name == name).unwrap().range().start
    };
    // The result of the last layer norm is its bias; its product with a token's row is the logit.
    params.values[range("ln_f.bias")] = 1.0;
    for (spelling, logit) in [("a", a), ("<|im_end|>", end)] {
        let token = tokenizer.encode_with_special(spelling).unwrap()[0];
        params.values[range("wte.weight") + n_embd * token as usize] = logit;
    }
    fs::create_dir_all(&directory).unwrap();
    save_description(&directory, gpt.config(), &tokenizer).unwrap();
    save_model(&directory, &gpt, &params).unwrap();
    fs::write(directory.join("chat_template.jinja"), TEMPLATE).unwrap();
}

/// Runs `chat` with a text as its standard input.
fn typed(place: &Place, flags: &str, text: &str) -> Finished {
    place.write("typed.txt", text);
    let input = File::open(place.path("typed.txt")).unwrap();
    let command = format!("chat {flags}");
    Finished::new(&command, place.command(&command).stdin(input).output().unwrap())
}

#[cfg(not(feature = "chat"))]
#[test]
fn without_the_feature_a_chat_model_is_refused_and_the_feature_named() {
    let place = Place::new();
    model(&place, "model", 9.0, 0.0);
    typed(&place, "--model model", "Hi\n").refuses(&[
        "model: this model was taught to chat",
        "cargo run -p stage03_gpt --features chat -- chat --model model",
    ]);
}

#[test]
fn a_model_without_a_template_has_no_place_for_a_system_text() {
    let place = Place::with_model();
    typed(&place, "--model model --system brief", "Hi\n")
        .refuses(&["--system = brief: ", "never taught to chat"]);
}

#[test]
fn a_context_too_short_for_any_answer_is_refused() {
    let place = Place::with_model();
    for short in [1, 2] {
        typed(&place, &format!("--model model --context {short}"), "Hi\n")
            .refuses(&[&format!("--context = {short}: the shortest message"), "choose at least 3"]);
    }
    typed(&place, "--model model --context 3", "The\n").succeeds();
}

#[cfg(feature = "chat")]
mod with_the_feature {
    use serde_json::{Value, json};

    use super::*;

    const ALWAYS_A: &str = "--model model --temperature 0 --max-new-tokens 3";

    fn place() -> Place {
        let place = Place::new();
        model(&place, "model", 90.0, 0.0);
        model(&place, "ends", 0.0, 90.0);
        model(&place, "either", 50.0, 50.0);
        place
    }

    fn saved(place: &Place, name: &str) -> Value {
        serde_json::from_str(&place.text(name)).unwrap()
    }

    #[test]
    fn each_line_is_answered_and_nothing_else_is_printed() {
        let place = place();
        let chat = typed(&place, ALWAYS_A, "one\n\n  \ntwo").succeeds();
        assert_eq!(chat.out, "aaa\naaa\n");
        assert_eq!(chat.err, "(this is the largest number of tokens of an answer)\n".repeat(2));
        let ends = typed(&place, "--model ends --temperature 0", "one\ntwo\n").succeeds();
        assert_eq!((ends.out.as_str(), ends.err.as_str()), ("\n\n", ""));
        let either = typed(&place, "--model either --temperature 1", "one\ntwo\n").succeeds();
        assert!(either.out.chars().all(|c| "a\n".contains(c)) && either.out.lines().count() == 2);
        assert_eq!(either.err, "");
        assert_eq!(typed(&place, ALWAYS_A, "").succeeds().out, "");
    }

    #[test]
    fn a_conversation_is_written_and_read() {
        let place = place();
        let first = "one\\\nand \\ two\n /quit\n/save talk.json\n";
        typed(&place, &format!("{ALWAYS_A} --system brief"), first).succeeds();
        let expected = json!({ "messages": [
            {"role": "system", "content": "brief"},
            {"role": "user", "content": "one\nand \\ two"}, {"role": "assistant", "content": "aaa"},
            {"role": "user", "content": "/quit"}, {"role": "assistant", "content": "aaa"},
        ] });
        assert_eq!(saved(&place, "talk.json"), expected);
        let second = "/load talk.json\n/retry\n/system -\nthree\n/save talk.json\n/quit\nmore\n";
        let second = typed(&place, ALWAYS_A, second).succeeds();
        assert_eq!(second.out, "aaa\naaa\n");
        let messages = saved(&place, "talk.json")["messages"].clone();
        assert_eq!(messages.as_array().unwrap().len(), 6);
        assert_eq!(messages[0], expected["messages"][1]);
        assert_eq!(messages[4], json!({"role": "user", "content": "three"}));
        // The system text stays when a new conversation begins.
        let reset = "one\n/system short\n/reset\n/system\n/tokens\n/save new.json\n/retry\n";
        let reset = typed(&place, ALWAYS_A, reset).succeeds();
        let system = json!({ "messages": [{"role": "system", "content": "short"}] });
        assert_eq!(saved(&place, "new.json"), system);
        for words in ["short", "of 256 tokens of the context", "there is no message to answer"] {
            assert!(reset.err.contains(words), "{}", reset.err);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_path_may_begin_at_home() {
        let place = place();
        fs::create_dir(place.path("home")).unwrap();
        place.write("typed.txt", "one\n/save ~/talk.json\n/load ~/talk.json\n/save ~/talk.json\n");
        let mut command = place.command(&format!("chat {ALWAYS_A}"));
        let input = File::open(place.path("typed.txt")).unwrap();
        let output = command.env("HOME", place.path("home")).stdin(input).output().unwrap();
        let chat = Finished::new("chat", output).succeeds();
        let written = format!("(written to {})", place.path("home/talk.json").display());
        assert_eq!(chat.err.matches(&written).count(), 2, "{}", chat.err);
        assert_eq!(saved(&place, "home/talk.json")["messages"][1]["content"], "aaa");
        assert!(!place.path("~").exists());
    }

    #[test]
    fn what_is_no_conversation_is_refused_and_kept() {
        let place = place();
        place.write("notes.txt", "my notes");
        for (command, words) in [
            ("/load notes.txt", "notes.txt: it is no conversation in JSON"),
            ("/load none.json", "cannot read none.json"),
            ("/save notes.txt", "notes.txt: it is there already; choose another name"),
            ("/save none/talk.json", "cannot write none/talk.json"),
        ] {
            typed(&place, ALWAYS_A, &format!("{command}\n")).refuses(&[words]);
        }
        assert_eq!(place.text("notes.txt"), "my notes");
    }

    #[test]
    fn commands_are_explained() {
        let place = place();
        let chat = "/help\n/temperature hot\n/temperature 0.5\n/temperature\n/etc/passwd\n";
        let chat = typed(&place, ALWAYS_A, chat).succeeds();
        assert!(chat.out.contains("/load FILE "), "{}", chat.out);
        for words in ["expected 0 (always", "0.5", "there is no command /etc/passwd; /help"] {
            assert!(chat.err.contains(words), "{}", chat.err);
        }
    }

    #[test]
    fn what_the_template_refuses_is_an_error() {
        let place = place();
        let words = ["it refuses this conversation: this is forbidden"];
        typed(&place, "--model ends --temperature 0", "one\nforbidden\n").refuses(&words);
        place.write("model/chat_template.jinja", "one\n{% for %}");
        typed(&place, ALWAYS_A, "one\n").refuses(&["chat template: line 2: syntax error"]);
    }

    #[test]
    fn a_long_conversation_leaves_out_its_oldest_turns() {
        let place = place();
        let lines: String = (0..9).map(|i| format!("{i}{}\n", "b".repeat(60))).collect();
        let flags = format!("{ALWAYS_A} --system brief");
        let chat = typed(&place, &flags, &format!("{lines}/tokens\n/save talk.json\n")).succeeds();
        assert_eq!(chat.out, "aaa\n".repeat(9));
        let told = chat.err.matches("the context is full: the oldest ").count();
        assert!(told > 1, "{}", chat.err);
        assert!(chat.err.contains("messages are left out"), "{}", chat.err);
        // The file has all of it.
        assert_eq!(saved(&place, "talk.json")["messages"].as_array().unwrap().len(), 19);
        typed(&place, &flags, &"b".repeat(400)).refuses(&["the context of the model has 256"]);
    }

    #[test]
    fn flags_of_continued_texts_are_refused() {
        let place = place();
        for (flag, words) in [
            ("--context-shift 5", "--context-shift = 5: this model was taught to chat"),
            ("--ignore-eos", "--ignore-eos = true: "),
            (
                "--context 1",
                "--context = 1: the shortest message and the first token of its answer",
            ),
            ("--repetition-penalty 0", "--repetition-penalty = 0: expected a positive number"),
            ("--temperature -1", "--temperature = -1: "),
        ] {
            typed(&place, &format!("--model model {flag}"), "one\n").refuses(&[words]);
        }
    }

    /// A penalty lowers the only token until another one is the likeliest.
    #[test]
    fn the_repetition_penalty_reaches_the_sampler() {
        let place = Place::new();
        model(&place, "model", 9.0, 8.5);
        let plain = typed(&place, ALWAYS_A, "one\n").succeeds();
        assert_eq!(plain.out, "aaa\n");
        let ended = typed(
            &place,
            &format!("{ALWAYS_A} --repetition-penalty 1.5 --repetition-window 1"),
            "b\n",
        );
        assert_eq!(ended.succeeds().out, "a\n");
    }
}
