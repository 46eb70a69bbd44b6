//! Checks the reader's answer to `document_split`.
exercises::check!("document_split");
