//! Grouped queries: four heads over two on paper, gradients that add up, the size of caches of known
//! models, what a decode step fetches, and two bugs.

use ndarray::{Array2, array, s};
use stage02_attention::matmul;
use stage03_gpt::plain::layers::{attention, attention_backward};
use stage03_gpt::plain::llama::grouped::{grouped_attention, grouped_attention_backward, kv_head};

/// Runs the experiment.
pub fn run() {
    on_paper();
    gradients();
    sizes();
    decoding();
    wrong_groups();
}

// ANCHOR: paper
/// Four query heads, two key/value heads, one column each; two tokens.
fn example() -> [Array2<f64>; 3] {
    let q = array![[0.0, 0.0, 0.0, 0.0], [1.0, -1.0, 1.0, 0.0]];
    let k = array![[0.0, 0.0], [2f64.ln(), 3f64.ln()]];
    let v = array![[6.0, 4.0], [3.0, 12.0]];
    [q, k, v]
}
// ANCHOR_END: paper

fn on_paper() {
    println!("ON PAPER: four query heads over two key/value heads; what token 1 finds");
    println!(
        "{:>6}{:>9}{:>10}{:>24}{:>8}",
        "head", "query", "kv head", "attention weights", "found"
    );
    let [q, k, v] = &example();
    let (att, y) = grouped_attention(matmul::plain, [q.view(), k.view(), v.view()], 4, 2);
    for h in 0..4 {
        let weights = format!("{:.3}, {:.3}", att[h][[1, 0]], att[h][[1, 1]]);
        println!("{h:>6}{:>9}{:>10}{weights:>24}{:>8.1}", q[[1, h]], kv_head(h, 4, 2), y[[1, h]]);
    }
}

/// The gradient of y: nothing for token 0, and 1, 2, 3, 4 for the heads of token 1.
fn dy() -> Array2<f64> {
    array![[0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 3.0, 4.0]]
}

// ANCHOR: own
/// The gradient of the values of its key/value head that query head h alone gives.
fn own_dv(h: usize) -> Vec<f64> {
    let [q, k, v] = example();
    let (own, shared) = (s![.., h..h + 1], s![.., kv_head(h, 4, 2)..kv_head(h, 4, 2) + 1]);
    let head = [q.slice(own), k.slice(shared), v.slice(shared)];
    let (att, _) = attention(matmul::plain, head, None);
    let [_, _, dv] = attention_backward(matmul::plain, head, (&att, None), dy().slice(own));
    dv.column(0).to_vec()
}
// ANCHOR_END: own

/// The derivative of sum(y dy) with respect to the value of token t in key/value head g, by nudging.
fn nudged_dv(t: usize, g: usize) -> f64 {
    let loss = |nudge: f64| {
        let [q, k, mut v] = example();
        v[[t, g]] += nudge;
        let (_, y) = grouped_attention(matmul::plain, [q.view(), k.view(), v.view()], 4, 2);
        (&y * &dy()).sum()
    };
    (loss(1e-4) - loss(-1e-4)) / 2e-4
}

fn gradients() {
    println!("\nGRADIENTS ADD UP: the values of key/value head 0, read by the heads 0 and 1");
    println!(
        "{:>8}{:>16}{:>16}{:>10}{:>10}",
        "token", "from head 0", "from head 1", "sum", "nudged"
    );
    let [q, k, v] = &example();
    let parts = [q.view(), k.view(), v.view()];
    let (att, _) = grouped_attention(matmul::plain, parts, 4, 2);
    let [_, _, dv] = grouped_attention_backward(matmul::plain, parts, &att, dy().view(), 2);
    let [first, second] = [own_dv(0), own_dv(1)];
    for t in 0..2 {
        let (sum, nudged) = (dv[[t, 0]], nudged_dv(t, 0));
        println!("{t:>8}{:>16.4}{:>16.4}{sum:>10.4}{nudged:>10.4}", first[t], second[t]);
    }
}

// ANCHOR: size
/// What decides the size of a cache.
#[derive(Clone, Copy)]
struct Model {
    name: &'static str,
    /// Weights.
    n_params: f64,
    n_layer: usize,
    n_head: usize,
    n_kv_head: usize,
    head_size: usize,
    context: usize,
}

impl Model {
    /// Bytes that one token adds to the cache, with two bytes per number.
    fn bytes_per_token(&self) -> usize {
        let keys_and_values = 2;
        2 * keys_and_values * self.n_layer * self.n_kv_head * self.head_size
    }

    /// Bytes of the cache of a full context.
    fn cache(&self) -> usize {
        self.bytes_per_token() * self.context
    }

    /// The same model in which every query head has its own keys and values.
    fn ungrouped(self) -> Model {
        Model { n_kv_head: self.n_head, ..self }
    }
}
// ANCHOR_END: size

const GPT2: Model = Model {
    name: "GPT-2",
    n_params: 124.4e6,
    n_layer: 12,
    n_head: 12,
    n_kv_head: 12,
    head_size: 64,
    context: 1024,
};
const SMOLLM2: Model = Model {
    name: "SmolLM2-135M",
    n_params: 134.5e6,
    n_layer: 30,
    n_head: 9,
    n_kv_head: 3,
    head_size: 64,
    context: 8192,
};
const LLAMA2_70B: Model = Model {
    name: "Llama 2 70B",
    n_params: 69.0e9,
    n_layer: 80,
    n_head: 64,
    n_kv_head: 8,
    head_size: 128,
    context: 4096,
};

fn sizes() {
    println!("\nTHE SIZE OF A CACHE, two bytes per number");
    println!(
        "{:<16}{:>7}{:>10}{:>17}{:>13}{:>15}",
        "model", "heads", "kv heads", "bytes per token", "full context", "of the weights"
    );
    for model in [GPT2, SMOLLM2, SMOLLM2.ungrouped(), LLAMA2_70B, LLAMA2_70B.ungrouped()] {
        let Model { name, n_head, n_kv_head, .. } = model;
        let (token, full) = (model.bytes_per_token(), model.cache() as f64 / 1e6);
        let part = 100.0 * model.cache() as f64 / (2.0 * model.n_params);
        println!("{name:<16}{n_head:>7}{n_kv_head:>10}{token:>17}{full:>10.1} MB{part:>13.1} %");
    }
}

fn decoding() {
    println!("\nA DECODE STEP OF LLAMA 2 70B: what is fetched for texts of 4,096 tokens, in GB");
    println!("{:>8}{:>10}{:>18}{:>19}", "texts", "weights", "caches, 8 of 64", "caches, 64 of 64");
    for texts in [1, 8, 32, 128] {
        let weights = 2.0 * LLAMA2_70B.n_params / 1e9;
        let [grouped, all] =
            [LLAMA2_70B, LLAMA2_70B.ungrouped()].map(|model| (texts * model.cache()) as f64 / 1e9);
        println!("{texts:>8}{weights:>10.0}{grouped:>18.1}{all:>19.1}");
    }
}

// ANCHOR: bug
/// Wrong: the key/value heads in turn, 0, 1, 0, 1, and not in groups, 0, 0, 1, 1.
fn in_turn(h: usize, n_kv_head: usize) -> usize {
    h % n_kv_head
}
// ANCHOR_END: bug

fn wrong_groups() {
    println!("\nA BUG: key/value heads in turn. What token 1 finds");
    let [q, k, v] = &example();
    let (_, y) = grouped_attention(matmul::plain, [q.view(), k.view(), v.view()], 4, 2);
    for h in 0..4 {
        println!(
            "  head {h}   in groups: kv head {}, {:.2}   in turn: kv head {}, {:.2}",
            kv_head(h, 4, 2),
            y[[1, h]],
            in_turn(h, 2),
            found_in_turn(h)
        );
    }
}

/// What query head h of token 1 finds when key/value heads are taken in turn.
fn found_in_turn(h: usize) -> f64 {
    let [q, k, v] = example();
    let (own, wrong) = (s![.., h..h + 1], s![.., in_turn(h, 2)..in_turn(h, 2) + 1]);
    attention(matmul::plain, [q.slice(own), k.slice(wrong), v.slice(wrong)], None).1[[1, 0]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_for_paper() {
        let [q, k, v] = &example();
        let (_, y) = grouped_attention(matmul::plain, [q.view(), k.view(), v.view()], 4, 2);
        for (h, expected) in [4.0, 5.0, 10.0, 8.0].into_iter().enumerate() {
            assert!((y[[1, h]] - expected).abs() < 1e-12);
        }
        // The shared values of key/value head 0: 1/3 + 2 · 2/3 and 2/3 + 2 · 1/3.
        for (t, expected) in [5.0 / 3.0, 4.0 / 3.0].into_iter().enumerate() {
            assert!((own_dv(0)[t] + own_dv(1)[t] - expected).abs() < 1e-12);
            assert!((nudged_dv(t, 0) - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn sizes_of_known_caches() {
        assert_eq!(GPT2.bytes_per_token(), 36_864);
        assert_eq!(SMOLLM2.bytes_per_token(), 23_040);
        assert_eq!(SMOLLM2.cache(), 188_743_680);
        assert_eq!(LLAMA2_70B.bytes_per_token(), 327_680);
    }

    #[test]
    fn in_turn_only_the_first_and_last_head_are_right() {
        assert_eq!(
            [0, 1, 2, 3].map(|h| kv_head(h, 4, 2) == in_turn(h, 2)),
            [true, false, false, true]
        );
    }
}
