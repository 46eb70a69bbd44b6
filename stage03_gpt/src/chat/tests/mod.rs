//! Tests of the chat as a whole: templates held to `transformers`, prompts that nobody can forge,
//! and answers that do not depend on what is in the cache.

mod prompts;
mod sessions;
mod templates;
