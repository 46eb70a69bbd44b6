//! Pictures that are drawn by code: one function for each, one file for a few.
//!
//! A picture has no ground and uses the colour of the text around it, so that it can be read on
//! a light page and on a dark one. A dimension has the same colour in every picture
//! ([`draw::Dimension`]). To add one: write a function, name it in [`ALL`], declare it in
//! `outputs/figures.toml` with `drawn = true`, and run `cargo run -p book -- outputs NAME`.

mod adamw;
mod attention_beats_the_bigram;
pub mod axes;
mod backpropagation;
mod bytes_and_pairs;
mod chance;
mod checkpoints;
mod counting;
mod data_at_scale;
pub mod draw;
mod exp_and_log;
mod feed_forward;
mod fine_tuning;
mod generation;
mod gpus_and_libtorch;
mod gradient_of_attention;
mod grouped_queries;
mod half_the_digits;
mod layer_norm;
mod learning;
mod learning_rate;
mod linear_layers;
mod lora;
mod many_heads;
mod map;
mod mixing;
mod residuals;
mod rms_norm;
mod rotary;
mod sampling;
mod scaling;
mod self_attention;
mod slope;
mod slopes;
mod surprise;
mod surviving;
mod swiglu;
mod text_as_numbers;
mod the_whole_gpt;
mod tiles;
mod tokens_as_vectors;
mod training_loop;
mod vectors;

/// A picture: its name in `{{#figure}}`, and the function that draws it.
pub type Figure = (&'static str, fn() -> String);

/// All pictures.
pub const ALL: &[Figure] = &[
    ("map_of_a_gpt", map::map_of_a_gpt),
    ("table_that_mixes", mixing::table_that_mixes),
    ("nudge_and_slope", slope::nudge_and_slope),
    ("vectors_add", vectors::vectors_add),
    ("vectors_dot", vectors::vectors_dot),
    ("vectors_row_times_matrix", vectors::vectors_row_times_matrix),
    ("slopes_nudge", slopes::slopes_nudge),
    ("slopes_square", slopes::slopes_square),
    ("slopes_relay", slopes::slopes_relay),
    ("slopes_downhill", slopes::slopes_downhill),
    ("exp_rulers", exp_and_log::exp_rulers),
    ("exp_own_slope", exp_and_log::exp_own_slope),
    ("chance_tree", chance::chance_tree),
    ("chance_stick", chance::chance_stick),
    ("chance_noise", chance::chance_noise),
    ("chance_bell", chance::chance_bell),
    ("windows-and-batch", text_as_numbers::windows_and_batch),
    ("merge-tree", bytes_and_pairs::merge_tree),
    ("bigram-table", counting::bigram_table),
    ("ln-below-tangent", counting::ln_below_tangent),
    ("minus-log", surprise::minus_log),
    ("gradient-bars", learning::gradient_bars),
    ("walk-down", learning::walk_down),
    ("dart-line", sampling::dart_line),
    ("temperature-bars", sampling::temperature_bars),
    ("embedding_lookup", tokens_as_vectors::embedding_lookup),
    ("linear_three_products", linear_layers::linear_three_products),
    ("soft_dictionary", self_attention::soft_dictionary),
    ("saturation", scaling::saturation),
    ("many_heads_flow", many_heads::many_heads_flow),
    ("gradient_relay", gradient_of_attention::gradient_relay),
    ("one_block_model", attention_beats_the_bigram::one_block_model),
    ("gelu_curve", feed_forward::gelu_curve),
    ("feed_forward_flow", feed_forward::feed_forward_flow),
    ("residual_stream", residuals::residual_stream),
    ("norm_rows_columns", layer_norm::norm_rows_columns),
    ("gpt_block", the_whole_gpt::gpt_block),
    ("relay_of_single_numbers", backpropagation::relay_of_single_numbers),
    ("adamw-ravine", adamw::adamw_ravine),
    ("learning-rate-schedule", learning_rate::learning_rate_schedule),
    ("kv-cache", generation::kv_cache),
    ("atomic-write", checkpoints::atomic_write),
    ("tiles", tiles::tiles),
    ("mean-of-means", training_loop::mean_of_means),
    ("bits-of-a-third", half_the_digits::bits_of_a_third),
    ("data-pipeline", data_at_scale::data_pipeline),
    ("feistel-round", data_at_scale::feistel_round),
    ("two-passes", data_at_scale::two_passes),
    ("best-interval", surviving::best_interval),
    ("what-is-lost", surviving::what_is_lost),
    ("two-walls", gpus_and_libtorch::two_walls),
    ("queue-and-clock", gpus_and_libtorch::queue_and_clock),
    ("norms_in_the_plane", rms_norm::norms_in_the_plane),
    ("swiglu_flow", swiglu::swiglu_flow),
    ("rotary-turn", rotary::rotary_turn),
    ("grouped-heads", grouped_queries::grouped_heads),
    ("loss-mask", fine_tuning::loss_mask),
    ("packed-row", fine_tuning::packed_row),
    ("lora-flow", lora::lora_flow),
];

/// Whether there is a picture of this name. Some are drawn from the whole King James text, which
/// is too much work for a question.
pub fn known(name: &str) -> bool {
    ALL.iter().any(|(known, _)| *known == name)
}

/// Draws a picture by its name.
pub fn draw(name: &str) -> Option<String> {
    ALL.iter().find(|(known, _)| *known == name).map(|(_, draw)| draw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_stay_on_their_sheet_and_need_no_ground() {
        for (name, draw) in ALL {
            let svg = draw();
            assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{name}");
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{name}");
            assert!(svg.contains("currentColor"), "{name}");
            assert_eq!(svg, draw(), "{name} is the same every time");
        }
    }

    #[test]
    fn each_name_is_one_picture() {
        let mut names: Vec<_> = ALL.iter().map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        assert!(draw("no such picture").is_none() && !known("no such picture"));
    }
}
