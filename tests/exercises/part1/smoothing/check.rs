//! What `smoothing` is asked.

use std::sync::OnceLock;

use super::answer::{CHARACTERS, K, best_after_2_000, best_after_200_000, best_for_training, why};
use exercises::probe::Probe;
use stage01_bigram::Result;
use stage01_bigram::bigram::{Bigram, CountedBigram};
use stage01_bigram::corpus::Corpus;
use stage01_bigram::dataset::split;
use stage01_bigram::tokenizer::CharTokenizer;

const CANDIDATES: [f64; 6] = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0];

/// The training text and the validation text in tokens, and the size of the vocabulary.
fn data() -> &'static (Vec<u32>, Vec<u32>, usize) {
    static DATA: OnceLock<(Vec<u32>, Vec<u32>, usize)> = OnceLock::new();
    DATA.get_or_init(|| {
        let text = Corpus::built_in().text;
        let (train, validation) = split(&text, 0.9).expect("the text is long enough");
        let tokenizer = CharTokenizer::train(&text).expect("the text has characters");
        let encode = |text| tokenizer.encode(text).expect("its own text");
        (encode(&train[..400_000]), encode(&validation[..50_000]), tokenizer.vocab_size())
    })
}

/// The training loss and the validation loss.
fn losses(characters: usize, k: f64) -> Result<[f64; 2]> {
    let (train, validation, vocab_size) = data();
    let train = &train[..characters.clamp(2, train.len())];
    let model = CountedBigram::count(train, *vocab_size, k)?;
    Ok([model.mean_loss(train)?, model.mean_loss(validation)?])
}

/// The candidate with the lowest loss of one kind.
fn best(characters: usize, kind: usize) -> f64 {
    let loss = |k: f64| losses(characters, k).expect("k is positive")[kind];
    CANDIDATES.into_iter().min_by(|&a, &b| loss(a).total_cmp(&loss(b))).expect("six candidates")
}

/// For training, after 2,000 and after 200,000 characters.
fn truth() -> [f64; 3] {
    static TRUTH: OnceLock<[f64; 3]> = OnceLock::new();
    *TRUTH.get_or_init(|| [best(2_000, 0), best(2_000, 1), best(200_000, 1)])
}

pub fn probe(p: &mut Probe) {
    if p.talks {
        p.note(format!("{CHARACTERS} characters (2 to 400,000), nats per character"));
        p.note(format!("{:>8}{:>10}{:>12}", "k", "train", "validation"));
        for &k in K {
            match losses(CHARACTERS, k) {
                Ok([train, validation]) => p.note(format!("{k:>8}{train:>10.4}{validation:>12.4}")),
                Err(error) => p.note(format!("{k:>8}  {error}")),
            }
        }
    }
    p.part("best_for_training", |p| {
        p.predict("the best k for the training loss", best_for_training(), truth()[0]);
    });
    p.part("best_after_2_000", |p| {
        p.predict("the best k after 2,000 characters", best_after_2_000(), truth()[1]);
    });
    p.part("best_after_200_000", |p| {
        p.predict("the best k after 200,000 characters", best_after_200_000(), truth()[2]);
    });
    p.part("why", |p| p.see("why", why()));
}
