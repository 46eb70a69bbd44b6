//! Checks the reader's answer to `cosine_similarity`.
exercises::check!("cosine_similarity");
