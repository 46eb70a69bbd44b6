//! A matrix times a vector.

use super::draw::{Anchor, Dimension, Drawing};

/// A matrix with two rows times a vector of three numbers: each row is a recipe.
pub fn table_that_mixes() -> String {
    let mut drawing = Drawing::new(560.0, 230.0);
    let recipes = [[1.0, 2.0, 0.0], [0.5, 0.0, 1.0]];
    let inputs = [4.0, 1.0, 3.0];
    // The results are worked out, not typed.
    let outputs = recipes.map(|row| row.iter().zip(inputs).map(|(w, x)| w * x).sum::<f64>());
    let row = |numbers: &[f64]| numbers.iter().map(f64::to_string).collect::<Vec<_>>();
    let column = |numbers: &[f64]| numbers.iter().map(|n| vec![n.to_string()]).collect::<Vec<_>>();
    let table = drawing.table(
        (30.0, 70.0),
        46.0,
        &recipes.iter().map(|r| row(r)).collect::<Vec<_>>(),
        Dimension::Plain,
    );
    let vector = drawing.table((230.0, 47.0), 46.0, &column(&inputs), Dimension::Channel);
    let result = drawing.table((400.0, 70.0), 46.0, &column(&outputs), Dimension::Channel);
    drawing.words((199.0, 116.0), Anchor::Middle, "times");
    drawing.arrow((vector.right().0 + 20.0, 116.0), result.left());
    drawing.words((table.top().0, 26.0), Anchor::Middle, "two recipes");
    drawing.words((vector.top().0, 26.0), Anchor::Middle, "three numbers");
    drawing.words((result.top().0, 26.0), Anchor::Middle, "two mixtures");
    let terms: Vec<_> = recipes[0].iter().zip(inputs).map(|(w, x)| format!("{w} · {x}")).collect();
    let sum = format!("first mixture: {} = {}", terms.join(" + "), outputs[0]);
    drawing.words((280.0, 212.0), Anchor::Middle, &sum);
    drawing.finish()
}
