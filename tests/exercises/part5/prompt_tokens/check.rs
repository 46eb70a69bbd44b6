//! What `prompt_tokens` is asked.

use super::answer::{
    read_after_a_new_system_text, read_after_an_edit, read_for_the_second, second_prompt,
};
use exercises::probe::Probe;

/// The special tokens, the line break, and the roles of system, user and assistant.
const START: u32 = 1;
const END: u32 = 2;
const LINE_BREAK: u32 = 3;
const ROLES: [u32; 3] = [4, 5, 6];

/// The tokens of a conversation. Each turn: a role, the number of tokens, and the first of them.
fn tokens(turns: &[(usize, u32, u32)]) -> Vec<u32> {
    let mut tokens = Vec::new();
    for &(role, count, first) in turns {
        tokens.extend([START, ROLES[role], LINE_BREAK, first]);
        tokens.extend((1..count).map(|i| 1000 * count + i));
        tokens.extend([END, LINE_BREAK]);
    }
    tokens.extend([START, ROLES[2], LINE_BREAK]);
    tokens
}

/// How many tokens of a prompt are not what the cache begins with.
fn read(cache: &[u32], prompt: &[u32]) -> usize {
    prompt.len() - cache.iter().zip(prompt).take_while(|(a, b)| a == b).count()
}

pub fn probe(p: &mut Probe) {
    let (system, question, answer, next) = ((0, 6, 10), (1, 10, 11), (2, 20, 12), (1, 7, 13));
    let first = tokens(&[system, question]);
    let second = tokens(&[system, question, answer, next]);
    // The prompt, the answer, and its end token.
    let cache = &second[..first.len() + 20 + 1];
    p.part("second_prompt", |p| {
        p.predict("the tokens of the second prompt", second_prompt(), second.len());
    });
    p.part("read_for_the_second", |p| {
        p.predict("the tokens that are read", read_for_the_second(), read(cache, &second));
    });
    p.part("read_after_an_edit", |p| {
        let edited = tokens(&[system, (1, 10, 99)]);
        p.predict("the tokens that are read", read_after_an_edit(), read(cache, &edited));
    });
    p.part("read_after_a_new_system_text", |p| {
        let other = tokens(&[(0, 6, 99), question, answer, next]);
        let truth = read(cache, &other);
        p.predict("the tokens that are read", read_after_a_new_system_text(), truth);
    });
}
