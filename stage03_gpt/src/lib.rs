//! The full decoder GPT on the CPU.
pub mod adamw;
pub mod block;
pub mod checkpoint;
pub mod cli;
pub mod config;
pub mod evaluate;
pub mod generate;
pub mod gpt;
pub mod layer_norm;
pub mod memory;
pub mod mlp;
pub mod resume;
pub mod schedule;
pub mod trainer;
