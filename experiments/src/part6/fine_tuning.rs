//! Fine-tuning on paper: which targets of a conversation are learned, one mean over two answers, a row
//! that is shared by two examples, and similar questions by MinHash.

use std::collections::BTreeSet;

use stage01_bigram::Result;
use stage02_attention::attention::documents::Documents;
use stage04_training::finetune::{Batches, Example, IGNORED, Origin, course};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The tokens of the examples for paper: their numbers are their places here.
const WORDS: [&str; 8] = ["two", "plus", "makes", "four", "end", "hello", "hi", "pad"];

/// "two plus two makes four", and which target is how likely.
const CONVERSATION: [u32; 6] = [0, 1, 0, 2, 3, 4];
const P: [f64; 5] = [1.0 / 16.0, 1.0 / 32.0, 1.0 / 2.0, 1.0 / 4.0, 1.0 / 8.0];

/// Which of the five targets are learned: all, those of the answer, and three mistakes.
const MASKS: [(&str, [bool; 5]); 5] = [
    ("everything", [true; 5]),
    ("the answer", [false, false, true, true, true]),
    ("not shifted", [false, false, false, true, true]),
    ("shifted too far", [false, true, true, true, false]),
    ("without end", [false, false, true, true, false]),
];

// ANCHOR: masked
/// The mean of -ln p over the targets that are learned.
fn masked_loss(p: &[f64], learned: &[bool]) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for (p, learned) in p.iter().zip(learned) {
        if *learned {
            sum -= p.ln();
            count += 1.0;
        }
    }
    sum / count
}
// ANCHOR_END: masked

fn on_paper() {
    let line = |name: &str, cells: [String; 6]| {
        let cells: String = cells.iter().map(|cell| format!("{cell:>8}")).collect();
        println!("{name:<20}{cells}");
    };
    let word = |t: usize| CONVERSATION.get(t).map_or("-", |&token| WORDS[token as usize]);
    let of_p = |show: fn(f64) -> f64, digits: usize| {
        let cell = |t| P.get(t).map_or("".into(), |&p| format!("{:.digits$}", show(p)));
        std::array::from_fn::<String, 6, _>(cell)
    };
    println!("ON PAPER: two plus two makes four");
    line("position", std::array::from_fn(|t| t.to_string()));
    line("reads", std::array::from_fn(|t| word(t).into()));
    line("predicts", std::array::from_fn(|t| word(t + 1).into()));
    line("probability", of_p(|p| p, 4));
    line("-ln p", of_p(|p| -p.ln(), 3));
    println!("learned");
    for (name, mask) in MASKS {
        let cell = |t| if mask.get(t) == Some(&true) { "x" } else { "." };
        line(&format!("  {name}"), std::array::from_fn(|t| cell(t).into()));
    }
    println!("\nWHAT THE MEAN IS, in nats per token and in units of ln 2");
    for (name, mask) in MASKS {
        let loss = masked_loss(&P, &mask);
        println!("  {name:<18}{loss:>8.3}{:>8.2}", loss / 2f64.ln());
    }
}

/// The losses of two answers, in units of ln 2.
const ANSWERS: [&[f64]; 2] = [&[1.0, 2.0, 3.0], &[4.0, 4.0]];

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

fn two_answers() {
    println!("\nTWO ANSWERS, losses in units of ln 2");
    println!("  {:<24}{:>6}{:>22}{:>22}", "", "mean", "a token of the long", "of the short one");
    let [long, short] = ANSWERS.map(|answer| answer.len() as f64);
    let all = mean(&ANSWERS.concat());
    let counts = 1.0 / (long + short);
    println!("  {:<24}{all:>6.2}{:>22}{:>22}", "over all tokens", part(counts), part(counts));
    let means = mean(&ANSWERS.map(mean));
    let [a, b] = [long, short].map(|n| part(0.5 / n));
    println!("  {:<24}{means:>6.2}{a:>22}{b:>22}", "mean of the two means");
}

/// How much a token counts.
fn part(x: f64) -> String {
    format!("counts {x:.3}")
}

/// The examples of the packed row: their tokens, and where the answer begins.
fn two_examples() -> Vec<Example> {
    let example = |tokens: &[u32], start| Example {
        tokens: tokens.to_vec(),
        answers: std::iter::once(start..tokens.len()).collect(),
        prompt: tokens.len() as u64,
        question: String::new(),
        origin: Origin::Conversation { messages: 2 },
    };
    vec![example(&CONVERSATION, 3), example(&[5, 6, 4], 1)]
}

fn a_packed_row() -> Result<()> {
    let pad = 7;
    let batch = Batches::new(two_examples(), 10, 1, 1337, pad)?.at(0);
    let mut documents = Documents::whole(1, 10);
    documents.set(&batch.documents);
    let line = |name: &str, cell: &dyn Fn(usize) -> String| {
        let cells: String = (0..10).map(|t| format!("{:>6}", cell(t))).collect();
        println!("{name:<10}{cells}");
    };
    let target = |t: usize| match batch.targets[t] {
        IGNORED => ".".into(),
        target => WORDS[target as usize].to_string(),
    };
    println!("\nA PACKED ROW of ten tokens");
    line("place", &|t| t.to_string());
    line("token", &|t| WORDS[batch.inputs[t] as usize].into());
    line("target", &target);
    line("position", &|t| documents.position(t).to_string());
    line("sees", &|t| (documents.position(t) + 1).to_string());
    let scores: usize = (0..10).map(|t| documents.position(t) + 1).sum();
    println!("scores: {scores}, and without borders between the examples {}", 10 * 11 / 2);
    Ok(())
}

/// All runs of three words.
pub fn shingles(text: &str) -> BTreeSet<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.windows(3).map(|run| run.join(" ")).collect()
}

// ANCHOR: jaccard
/// The Jaccard similarity of two sets.
fn jaccard(a: &BTreeSet<String>, b: &BTreeSet<String>) -> f64 {
    a.intersection(b).count() as f64 / a.union(b).count() as f64
}
// ANCHOR_END: jaccard

// ANCHOR: minhash
/// For each of `k` hash functions, the smallest hash of the set.
fn signature(shingles: &BTreeSet<String>, k: u64) -> Vec<u64> {
    let hash = |number| move |shingle: &String| xxh3_64_with_seed(shingle.as_bytes(), number);
    (0..k).map(|number| shingles.iter().map(hash(number)).min().unwrap_or(u64::MAX)).collect()
}

/// The part of the places at which two signatures agree.
fn agreement(a: &[u64], b: &[u64]) -> f64 {
    a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / a.len() as f64
}
// ANCHOR_END: minhash

/// In how many of all orders of `n` elements the smallest of two sets is the same, and how many
/// orders there are. The elements of the first set are `first`, those of the second `second`.
fn orders(n: usize, first: &[usize], second: &[usize]) -> (usize, usize) {
    let (mut equal, mut all) = (0, 0);
    each_order(&mut (0..n).collect(), 0, &mut |order| {
        let smallest = |set: &[usize]| set.iter().map(|&element| order[element]).min();
        equal += usize::from(smallest(first) == smallest(second));
        all += 1;
    });
    (equal, all)
}

/// Calls a function with every order of the elements from `from` on.
fn each_order(order: &mut Vec<usize>, from: usize, found: &mut dyn FnMut(&[usize])) {
    if from == order.len() {
        return found(order);
    }
    for i in from..order.len() {
        order.swap(from, i);
        each_order(order, from + 1, found);
        order.swap(from, i);
    }
}

fn all_orders() {
    println!("\nALL ORDERS of the elements: how often are the two minima equal?");
    for (sets, n, first, second) in [
        ("a b c,   b c d", 4, &[0, 1, 2][..], &[1, 2, 3][..]),
        ("a b c,   b c d e", 5, &[0, 1, 2], &[1, 2, 3, 4]),
        ("a b c e, b c d e", 5, &[0, 1, 2, 4], &[1, 2, 3, 4]),
    ] {
        let (equal, all) = orders(n, first, second);
        println!("  {sets:<20}{equal:>4} of {all:>3}{:>8.2}", equal as f64 / all as f64);
    }
}

/// Pairs of questions.
const PAIRS: [[&str; 2]; 4] = [
    ["what is a token in a model", "what is a token in our model"],
    ["how do I train a model on my own text", "how do I train a model on my own poems"],
    ["why does the loss of my model rise", "why does the loss of my model not fall"],
    ["what is the rank of a matrix", "what does dropout do in training"],
];

fn minhash() {
    println!("\nMINHASH: the similarity of two questions, exact and by 64 hashes");
    for [a, b] in PAIRS {
        let (a, b) = (shingles(a), shingles(b));
        let estimate = agreement(&signature(&a, 64), &signature(&b, 64));
        println!("{:>7.2}{estimate:>7.2}  {}", jaccard(&a, &b), first_words(&a, &b));
    }
}

/// What two sets have, for the eye.
fn first_words(a: &BTreeSet<String>, b: &BTreeSet<String>) -> String {
    let (both, any) = (a.intersection(b).count(), a.union(b).count());
    format!("{both} of {any} shingles")
}

/// The words of the questions of conversations in JSON lines.
fn questions(lines: &str) -> Vec<String> {
    let question = |line: &str| {
        let messages = stage04_training::finetune::conversation(line.as_bytes()).ok()?;
        let letters = |c: char| if c.is_alphanumeric() { c } else { ' ' };
        Some(messages.first()?.content.to_lowercase().chars().map(letters).collect())
    };
    lines.lines().filter_map(question).collect()
}

fn of_the_course() {
    let sets = |lines| questions(lines).iter().map(|text| shingles(text)).collect::<Vec<_>>();
    let (train, held_out) = (sets(course::INSTRUCTIONS), sets(course::HELD_OUT));
    let pairs = held_out.iter().flat_map(|a| train.iter().map(|b| jaccard(a, b)));
    let mut similar: Vec<f64> = pairs.filter(|similarity| similarity.is_finite()).collect();
    similar.sort_by(|a, b| b.total_cmp(a));
    println!("\nTHE COURSE'S QUESTIONS: {} held out, {} learned", held_out.len(), train.len());
    println!("  pairs                          {:>8}", similar.len());
    for least in [0.8, 0.5, 0.3] {
        let count = similar.iter().filter(|&&similarity| similarity >= least).count();
        println!("  of a similarity of {least} or more  {count:>8}");
    }
    println!("  the most similar pair          {:>8.2}", similar.first().unwrap_or(&0.0));
}

/// Runs the experiment.
///
/// # Errors
/// None that can be caused.
pub fn run() -> Result<()> {
    on_paper();
    two_answers();
    a_packed_row()?;
    all_orders();
    minhash();
    of_the_course();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn the_example_for_paper() {
        let units = MASKS.map(|(_, mask)| masked_loss(&P, &mask) / 2f64.ln());
        for (found, expected) in units.into_iter().zip([3.0, 2.0, 2.5, 8.0 / 3.0, 1.5]) {
            assert!(near(found, expected), "{found} {expected}");
        }
        // The mask of the answer is what the batches of the program have.
        let batch = Batches::new(vec![two_examples().remove(0)], 6, 1, 1, 7).unwrap().at(0);
        let learned: Vec<bool> = batch.targets.iter().map(|&target| target != IGNORED).collect();
        assert_eq!(learned, [false, false, true, true, true, false]);
        assert_eq!(batch.targets[2..5], CONVERSATION[3..]);
    }

    #[test]
    fn a_logit_of_a_question_has_no_gradient() {
        // The derivative for the logit of `makes` at position 2: (0.5 - 1) / 3.
        let loss = |z: f64| {
            // Two tokens: the target with the logit z, and all others together with the logit 0.
            let p = z.exp() / (z.exp() + 1.0);
            let mut all = P;
            all[2] = p;
            masked_loss(&all, &MASKS[1].1)
        };
        let h = 1e-5;
        assert!(((loss(h) - loss(-h)) / (2.0 * h) - (0.5 - 1.0) / 3.0).abs() < 1e-9);
        let mut others = P;
        others[0] = 0.9;
        assert_eq!(masked_loss(&others, &MASKS[1].1), masked_loss(&P, &MASKS[1].1));
    }

    #[test]
    fn one_mean_and_a_mean_of_means() {
        assert!(near(mean(&ANSWERS.concat()), 2.8) && near(mean(&ANSWERS.map(mean)), 3.0));
    }

    #[test]
    fn the_packed_row() {
        let batch = Batches::new(two_examples(), 10, 1, 1337, 7).unwrap().at(0);
        assert_eq!(batch.documents, [vec![6, 3, 1]]);
        assert_eq!(batch.inputs, [0, 1, 0, 2, 3, 4, 5, 6, 4, 7]);
        let none = IGNORED;
        assert_eq!(batch.targets, [none, none, 2, 3, 4, none, 6, 4, none, none]);
    }

    #[test]
    fn the_chance_of_equal_minima_is_the_similarity() {
        assert_eq!(orders(4, &[0, 1, 2], &[1, 2, 3]), (12, 24));
        assert_eq!(orders(5, &[0, 1, 2], &[1, 2, 3, 4]), (48, 120));
        assert_eq!(orders(5, &[0, 1, 2, 4], &[1, 2, 3, 4]), (72, 120));
        let [a, b] = PAIRS[0].map(shingles);
        assert_eq!((a.len(), b.len()), (5, 5));
        assert!(near(jaccard(&a, &b), 3.0 / 7.0));
        // Within four standard deviations, for many hashes.
        let estimate = agreement(&signature(&a, 4096), &signature(&b, 4096));
        assert!((estimate - 3.0 / 7.0).abs() < 4.0 * 0.5 / 64.0, "{estimate}");
    }
}
