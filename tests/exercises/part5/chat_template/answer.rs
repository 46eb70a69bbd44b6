//! Write a conversation as one text, in the form ChatML.
//!
//!   <|im_start|>ROLE
//!   CONTENT<|im_end|>
//!
//! is a turn: a special token, the role, a line break, the content, a special token, a line
//! break. The turns follow each other. If the first is not the system's, a turn with the
//! model's own system text stands before it. Where the model is to answer, a last line follows,
//! which ends where the answer begins: <|im_start|>assistant and a line break.
//!
//! For the one message ("user", "Hi!") with the last line, and a "\n" for each line break, that
//! is
//!
//!   <|im_start|>system\nYou are a helper.<|im_end|>\n
//!   <|im_start|>user\nHi!<|im_end|>\n
//!   <|im_start|>assistant\n
//!
//! In Rust, `format!("{a}-{b}")` makes a text of two, and `text += &more;` adds to a String.

/// The model's own system text.
pub const SYSTEM: &str = "You are a helper.";

/// One turn.
fn turn(role: &str, content: &str) -> String {
    // SOLUTION
    format!("<|im_start|>{role}\n{content}<|im_end|>\n")
    // STUB
    // todo!()
    // END
}

/// The text of a conversation of one message at least, each a role and a content.
pub fn chatml(messages: &[(&str, &str)], add_generation_prompt: bool) -> String {
    // SOLUTION
    let mut text = String::new();
    if messages[0].0 != "system" {
        text += &turn("system", SYSTEM);
    }
    for (role, content) in messages {
        text += &turn(role, content);
    }
    if add_generation_prompt {
        text += "<|im_start|>assistant\n";
    }
    text
    // STUB
    // todo!()
    // END
}

/// The tokens of a text as the model expects them. Some models were trained with a token before
/// every text, `bos`. It must stand there once: a template may have written it already.
pub fn with_bos(tokens: &[u32], bos: Option<u32>) -> Vec<u32> {
    // SOLUTION
    match bos {
        Some(bos) if tokens.first() != Some(&bos) => [&[bos], tokens].concat(),
        _ => tokens.to_vec(),
    }
    // STUB
    // todo!()
    // END
}
