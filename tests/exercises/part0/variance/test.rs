//! Checks the reader's answer to `variance`.
exercises::check!("variance");
