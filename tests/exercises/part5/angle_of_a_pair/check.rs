//! What `angle_of_a_pair` is asked.

use super::answer::{
    angle_between_130_and_100_in_pair_3, angle_of_pair_1_at_position_30, frequency_of_pair_2,
    partner_of_column_6,
};
use exercises::probe::Probe;
use ndarray::Array2;
use stage03_gpt::plain::llama::rotary::{frequencies, rotate};

pub fn probe(p: &mut Probe) {
    let w = frequencies(8, 1e4);
    p.part("partner_of_column_6", |p| {
        // A row that is 1 in column 6 alone: which other column is not 0 after a turn?
        let x = Array2::from_shape_fn((1, 8), |(_, c)| if c == 6 { 1.0 } else { 0.0 });
        let turned = rotate(&x, 1, 1e4);
        let partner = (0..8).find(|&c| c != 6 && turned[[0, c]] != 0.0).unwrap_or_default();
        p.predict("the partner of column 6", partner_of_column_6(), partner);
    });
    p.part("frequency_of_pair_2", |p| {
        p.predict("radians per token of pair 2", frequency_of_pair_2(), w[2]);
    });
    p.part("angle_of_pair_1_at_position_30", |p| {
        let angle = 30.0 * w[1];
        p.predict("the angle of pair 1 at position 30", angle_of_pair_1_at_position_30(), angle);
    });
    p.part("angle_between_130_and_100_in_pair_3", |p| {
        let guess = angle_between_130_and_100_in_pair_3();
        p.predict("the angle between 130 and 100 in pair 3", guess, (130.0 - 100.0) * w[3]);
    });
}
