//! Checks the reader's answer to `sampler_from_a_specification`.
exercises::check!("sampler_from_a_specification");
