//! Writing with and without a memory: one head on paper, the same logits, and what each token costs.
//!
//! The larger model of this program has not learned anything. For what is measured here that makes
//! no difference: it does the same work.

use std::time::{Duration, Instant};

use ndarray::ArrayView2;
use stage01_bigram::Result;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::tokenizer::BpeTokenizer;
use stage02_attention::attention::cache::{Cache, Numbers};
use stage02_attention::attention::single_query;
use stage02_attention::parallel::single_threaded;
use stage02_attention::params::Params;
use stage03_gpt::config::GptConfig;
use stage03_gpt::generate::Decoder;
use stage03_gpt::gpt::Gpt;

/// Runs the experiment.
pub fn run() -> Result<()> {
    on_paper();
    let (gpt, params) = model(256)?;
    same_logits(&gpt, &params)?;
    // On one thread: threads are the subject of another chapter.
    single_threaded(|| cost(&gpt, &params))?;
    single_threaded(|| prompt(&gpt, &params))?;
    context_shifts()?;
    half_a_character()
}

/// What one head finds for a query of 1, where every token has one number as key and one as value.
fn attend(keys: &[f64], values: &[f64]) -> f64 {
    let column = |x| ArrayView2::from_shape((keys.len(), 1), x).expect("one number per token");
    let mut cache = Cache::new(Numbers::Full, keys.len(), (1, 1));
    cache.write(0, column(keys), column(values));
    let (mut scratch, mut y) = (vec![0.0; single_query::scratch_len(1, keys.len(), 1)], [0.0]);
    single_query::forward(1, &[1.0], (&cache, keys.len()), &mut scratch, &mut y);
    y[0]
}

fn on_paper() {
    println!("ON PAPER: one head, keys 0, ln 2, ln 3, values 6, 3, 12, every query is 1");
    let (keys, values) = ([0.0, 2f64.ln(), 3f64.ln()], [6.0, 3.0, 12.0]);
    for n in 1..=3 {
        println!("token {n} finds {:.4}", attend(&keys[..n], &values[..n]));
    }
}

/// A GPT of 4 layers that has not learned anything.
fn model(block_size: usize) -> Result<(Gpt, Params<f32>)> {
    let (vocab_size, n_layer, n_head, n_embd) = (512, 4, 4, 128);
    let (dropout, bias) = (0.0, false);
    let gpt = Gpt::new(GptConfig {
        vocab_size,
        block_size,
        n_layer,
        n_head,
        n_embd,
        dropout,
        bias,
        ..GptConfig::default()
    })?;
    let params = gpt.initialise(&mut generator(1, Purpose::Initialisation, 0));
    Ok((gpt, params))
}

/// Some text: tokens in no order.
fn text(n: u32) -> Vec<u32> {
    (0..n).map(|i| (i * i + 7 * i) % 512).collect()
}

fn same_logits(gpt: &Gpt, params: &Params<f32>) -> Result<()> {
    println!("\nTHE SAME LOGITS: the cache beside the whole text read again");
    println!("tokens   logit of token 0, cache   again    largest difference of 512");
    let (tokens, mut decoder) = (text(100), Decoder::new(gpt, params, None)?);
    for (i, token) in tokens.iter().enumerate() {
        // ANCHOR: both
        decoder.prefill(&[*token])?;
        let all = gpt.logits(params, &tokens[..=i])?;
        let again = all.row(i);
        // ANCHOR_END: both
        if [1, 2, 10, 100].contains(&(i + 1)) {
            let pairs = decoder.logits().iter().zip(again);
            let off = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            let small = if off < 1e-5 { "below 0.00001" } else { "LARGE" };
            println!("{:>6}{:>26.4}{:>8.4}    {small}", i + 1, decoder.logits()[0], again[0]);
        }
    }
    Ok(())
}

fn timed<R>(work: impl FnOnce() -> Result<R>) -> Result<Duration> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed())
}

/// The time to read one more token after `seen`: with the cache, and from the beginning.
fn one_token(gpt: &Gpt, params: &Params<f32>, seen: usize) -> Result<[Duration; 2]> {
    let tokens = text(256);
    let mut decoder = Decoder::new(gpt, params, None)?;
    decoder.prefill(&tokens[..seen])?;
    let mut times = [Vec::new(), Vec::new()];
    for turn in 0..20 {
        let token = tokens[seen + turn];
        times[0].push(timed(|| decoder.prefill(&[token]))?);
        let mut again = Decoder::new(gpt, params, None)?;
        times[1].push(timed(|| again.prefill(&tokens[..seen + turn + 1]))?);
    }
    Ok(times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    }))
}

fn cost(gpt: &Gpt, params: &Params<f32>) -> Result<()> {
    println!("\nTHE COST OF ONE MORE TOKEN: {} weights", gpt.config().n_params());
    println!("tokens before   rows, cache   rows, again   time, cache   time, again");
    for seen in [7, 31, 127, 223] {
        let [cached, again] = one_token(gpt, params, seen)?.map(|time| time.as_secs_f64() * 1e3);
        println!("{seen:>13}{:>14}{:>14}{cached:>11.2} ms{again:>11.2} ms", 1, seen + 1);
    }
    Ok(())
}

fn prompt(gpt: &Gpt, params: &Params<f32>) -> Result<()> {
    println!("\nA PROMPT OF 200 TOKENS");
    let prompt = text(200);
    let mut at_once = Decoder::new(gpt, params, None)?;
    let once = timed(|| at_once.prefill(&prompt))?;
    let mut one_by_one = Decoder::new(gpt, params, None)?;
    let singly = timed(|| prompt.iter().try_for_each(|&token| one_by_one.prefill(&[token])))?;
    let pairs = at_once.logits().iter().zip(one_by_one.logits());
    let off = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    println!("all at once        {:>7.1} ms", once.as_secs_f64() * 1e3);
    println!("one at a time      {:>7.1} ms", singly.as_secs_f64() * 1e3);
    println!("the same logits: {}", off < 1e-5);
    Ok(())
}

/// How many tokens the model sees after each of 20 tokens, and how many rows went through it.
fn contexts(context_shift: usize) -> Result<(Vec<usize>, usize)> {
    let (gpt, params) = model(8)?;
    let mut decoder = Decoder::new(&gpt, &params, Some(context_shift))?;
    let (mut lengths, mut rows, mut before) = (Vec::new(), 0, 0);
    for token in text(20) {
        decoder.prefill(&[token])?;
        let length = decoder.context().len();
        rows += if length == before + 1 { 1 } else { length };
        before = length;
        lengths.push(length);
    }
    Ok((lengths, rows))
}

fn context_shifts() -> Result<()> {
    println!("\nA CONTEXT OF 8, AND 20 TOKENS: how many are seen after each");
    for context_shift in [1, 4, 8] {
        let (lengths, rows) = contexts(context_shift)?;
        print!("context shift {context_shift}:");
        lengths.iter().for_each(|length| print!("{length:>3}"));
        println!("   {rows} rows");
    }
    Ok(())
}

fn half_a_character() -> Result<()> {
    println!("\nA BUG: printing each token as it comes");
    let tokenizer = BpeTokenizer::train("x", 256)?;
    let tokens = tokenizer.encode("né")?;
    // ANCHOR: bug
    let one_by_one: Vec<String> = tokens
        .iter()
        .map(|&token| tokenizer.decode_bytes(&[token]))
        .map(|bytes| Ok(String::from_utf8_lossy(&bytes?).into_owned()))
        .collect::<Result<_>>()?;
    // ANCHOR_END: bug
    println!("{} tokens, one by one: {}", tokens.len(), one_by_one.concat());
    println!(
        "{} tokens, together:   {}",
        tokens.len(),
        String::from_utf8_lossy(&tokenizer.decode_bytes(&tokens)?)
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_for_paper() {
        let (keys, values) = ([0.0, 2f64.ln(), 3f64.ln()], [6.0, 3.0, 12.0]);
        // Attention weights 1; then 1/3, 2/3; then 1/6, 2/6, 3/6.
        for (n, expected) in [(1, 6.0), (2, 4.0), (3, 8.0)] {
            assert!((attend(&keys[..n], &values[..n]) - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn a_context_shift_of_one_reads_the_whole_context_again_and_again() {
        let (lengths, rows) = contexts(1).unwrap();
        assert_eq!(&lengths[..9], [1, 2, 3, 4, 5, 6, 7, 8, 8]);
        assert_eq!(rows, 8 + 12 * 8);
        let (lengths, rows) = contexts(4).unwrap();
        assert_eq!(&lengths[7..13], [8, 5, 6, 7, 8, 5]);
        assert_eq!(rows, 8 + 3 * (5 + 3));
    }
}
