//! What `document_split` is asked.

use super::answer::{sample, split};
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    // Forty documents, of which every fourth comes a second time at the end.
    let mut texts: Vec<String> = (0..40).map(|i| format!("document {}", i * i)).collect();
    texts.extend((0..40).step_by(4).map(|i| format!("document {}", i * i)));
    let documents: Vec<&str> = texts.iter().map(String::as_str).collect();
    p.part("split", |p| {
        let (training, validation) = split(&documents, 0.3);
        let both = training.iter().find(|document| validation.contains(document));
        p.rule(both.is_none(), || {
            format!(
                "{:?} is in the training part and in the validation part; all copies must be \
                 on one side: what does the draw depend on, besides the text?",
                both.unwrap_or(&"")
            )
        });
        let longer = [&["a new document"], &documents[..]].concat();
        let moved: Vec<&str> = (split(&longer, 0.3).1.into_iter())
            .filter(|document| training.contains(document))
            .collect();
        p.rule(moved.is_empty(), || {
            format!(
                "one document was added in front, and {} documents moved from training to \
                 validation; none may: what does the draw depend on, besides the text?",
                moved.len()
            )
        });
        p.see("the validation part, a fraction of 0.3", validation.join(", "));
        p.see("how many documents are in the training part", training.len());
        p.see("a fraction of 0: how many are for validation", split(&documents, 0.0).1.len());
        p.see("a fraction of 1: how many are for validation", split(&documents, 1.0).1.len());
    });
    p.part("sample", |p| {
        let texts: Vec<String> = (0..2000).map(|i| format!("text {i}")).collect();
        let documents: Vec<&str> = texts.iter().map(String::as_str).collect();
        let sampled = sample(&documents, 0.1);
        let validation = split(&sampled, 0.2).1.len();
        p.see("of 2,000 documents a tenth is sampled", sampled.len());
        p.see("of these, for validation with a fraction of 0.2", validation);
    });
}
