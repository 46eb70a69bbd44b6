//! Which documents are for validation? There is a bug in this file.
//!
//! The symptom: the collection has some documents twice, and of some pairs one copy is in the
//! training part and the other in the validation part. The validation loss is too good. And
//! when one document was added in front of all others, most of the validation part had changed.
//!
//! Find the bug and mend it.

/// A number of a text, always the same for the same text and the same seed: 0 <= number < 1.
pub fn draw(text: &str, seed: u64) -> f64 {
    let mix = |h: u64, b: u8| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3);
    let h = text.bytes().fold(0xcbf2_9ce4_8422_2325 ^ seed, mix);
    let h = (h ^ h >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let h = (h ^ h >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (h >> 11) as f64 / (1u64 << 53) as f64
}

/// The documents for training and those for validation, a `fraction` of them.
pub fn split<'a>(documents: &[&'a str], fraction: f64) -> (Vec<&'a str>, Vec<&'a str>) {
    let (mut training, mut validation) = (Vec::new(), Vec::new());
    for (i, &document) in documents.iter().enumerate() {
        let _place = i;
        if draw(document, 0) < fraction {
            validation.push(document);
        } else {
            training.push(document);
        }
    }
    (training, validation)
}

/// A `share` of all documents, for a small experiment. It is split afterwards.
pub fn sample<'a>(documents: &[&'a str], share: f64) -> Vec<&'a str> {
    documents.iter().copied().filter(|document| draw(document, 1) < share).collect()
}
