//! The large task *a byte-pair tokenizer*: its solution, with GPT-2's 50,000 merges, gives GPT-2's ids.
#![cfg(feature = "gpt2")]

use exercise_proof::bpe_tokenizer::solution::answer::{decode, encode};
use stage01_bigram::tokenizer::bpe::{BpeTokenizer, pre_tokens};

#[test]
fn the_solution_gives_the_ids_of_gpt2() {
    let gpt2 = BpeTokenizer::gpt2().unwrap();
    let merges: Vec<(u32, u32)> = gpt2.merges().iter().map(|m| (m.left, m.right)).collect();
    assert_eq!(merges.len(), 50_000);
    let ids = |text: &str| encode(&pre_tokens(text).collect::<Vec<_>>(), &merges);
    assert_eq!(ids("Hello world"), [15496, 995]);
    let text = "In the beginning God created the heaven and the earth. 1,024 bytes of Wörter, \
                naïve tokenizers don't agree:\n\n\tfn main() { println!(\"🙂\"); }";
    assert_eq!(ids(text), gpt2.encode(text).unwrap());
    assert_eq!(decode(&ids(text), &merges), text.as_bytes());
}
