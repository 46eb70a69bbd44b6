/// A file of which the book shows a piece.
pub fn softmax(logits: &[f64]) -> Vec<f64> {
    // ANCHOR: softmax
    let exponentials: Vec<f64> = logits.iter().map(|z| z.exp()).collect();

    let sum: f64 = exponentials.iter().sum();
    exponentials.iter().map(|e| e / sum).collect::<Vec<f64>>() // a long line that has to scroll
    // ANCHOR_END: softmax
}
