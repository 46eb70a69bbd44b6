//! The experiments of the book: each prints an output or draws a figure that a chapter shows, or
//! measures what the comparisons with other programs need.
//!
//! ```text
//! cargo run -p experiments                         the index
//! cargo run -p experiments -- slopes               one of them
//! cargo run -p experiments -- surprise --plot loss.svg
//! ```
//!
//! One module per experiment, in directories by part; `index.rs` has the table of all, `setup.rs` what
//! several of them set up alike. Examples of how to use the crates are in
//! the `examples/` of each crate.

use std::process::ExitCode;

use stage03_gpt::cli::screen;

mod arguments;
mod index;
mod setup;

mod part0 {
    pub mod chance;
    pub mod exp_and_log;
    pub mod processor_rounding;
    pub mod rust;
    pub mod slopes;
    pub mod vectors;
}

mod part1 {
    pub mod bytes_and_pairs;
    pub mod counting;
    pub mod learning;
    pub mod sampling;
    pub mod surprise;
    pub mod text_as_numbers;
    pub mod tokenizer_speed;
}

mod part2 {
    pub mod ablation;
    pub mod attention_beats_the_bigram;
    pub mod gradient_of_attention;
    pub mod linear_layers;
    pub mod many_heads;
    pub mod scaling;
    pub mod self_attention;
    pub mod tokens_as_vectors;
}

mod part3 {
    pub mod adamw;
    pub mod backpropagation;
    pub mod checkpoints;
    pub mod feed_forward;
    pub mod generation;
    pub mod initialisation;
    pub mod layer_norm;
    pub mod learning_rate;
    pub mod overfitting;
    pub mod residuals;
    pub mod speed;
    pub mod speed_ladder;
    pub mod the_whole_gpt;
}

mod part4 {
    pub mod data_at_scale;
    #[cfg(feature = "torch")]
    pub mod gpu_ladder;
    pub mod gpus_and_libtorch;
    pub mod half_the_digits;
    pub mod surviving;
    #[cfg(feature = "book")]
    pub mod surviving_decoded_too_late;
    pub mod training_loop;
}

mod part5 {
    #[cfg(feature = "chat")]
    pub mod chat;
    #[cfg(feature = "chat")]
    pub mod chat_repetition;
    #[cfg(feature = "chat")]
    pub mod chat_smollm2;
    pub mod grouped_queries;
    pub mod quantisation;
    pub mod quantisation_costs;
    pub mod real_weights;
    pub mod rms_norm;
    pub mod rotary;
    pub mod smollm2;
    pub mod swiglu;
    pub mod trained;
    pub mod what_each_part_brings;
}

mod part6 {
    mod base;
    #[cfg(feature = "chat")]
    pub mod before_and_after;
    mod choices;
    pub mod evaluation;
    pub mod evaluation_trained;
    pub mod fine_tuning;
    pub mod fine_tuning_trained;
    pub mod forgetting;
    pub mod forgetting_trained;
    pub mod lora;
    pub mod lora_trained;
    mod old_text;
    mod preference_pairs;
    pub mod preferences;
    #[cfg(feature = "chat")]
    pub mod preferences_smollm2;
    pub mod preferences_trained;
}

mod appendix {
    pub mod clinic_data_bugs;
}

fn main() -> ExitCode {
    let outcome = arguments::text(std::env::args_os().skip(1))
        .and_then(|arguments| index::run(&arguments, screen::width().min(80)));
    arguments::end(outcome)
}
