//! The same GPT, trained at scale: tens of gigabytes of text, a GPU, runs that survive a crash.
//!
//! Stage 3 trains a model that fits into the caches of one processor, on a text that fits into
//! its memory. Here the model, the files and the commands are the same; data, devices and runs
//! become large. [`prepare`] turns text of any size into files of tokens, once; [`manifest`]
//! describes such a directory, and [`shards`] reads it in a shuffled order without loading it into
//! memory. A [`recipe`] has all settings of a run. [`backend`] does the arithmetic: the engine of
//! stage 3, or libtorch; [`doctor`] says whether a GPU can be used, and what fits into its memory.
//! [`trainer`] is a model in training, [`checkpoint`] saves and resumes a run, and [`report`] is a
//! page to watch it on. [`finetune`] teaches a trained model to answer, from conversations. `cli` is the
//! command line.
//! From a text to a model in training:
//!
//! ```
//! use stage01_bigram::random::{Purpose, generator};
//! use stage03_gpt::settings::RunSettings;
//! use stage04_training::backend::cpu::Cpu;
//! use stage04_training::prepare::{Settings, prepare};
//! use stage04_training::progress::Silent;
//! use stage04_training::shards::Shards;
//! use stage04_training::trainer::{LoopConfig, ShardTraining, Training, train};
//!
//! let directory = tempfile::tempdir().unwrap();
//! let (input, out) = (directory.path().join("text.txt"), directory.path().join("tokens"));
//! std::fs::write(&input, "do re mi fa ".repeat(100)).unwrap();
//! let tokenizer = "char".parse()?;
//! let settings =
//!     Settings { input: vec![input], out: out.clone(), tokenizer, ..Settings::default() };
//! prepare(&settings, &Silent)?;
//!
//! let shards = Shards::open(&out)?;
//! let (n_layer, n_embd, block_size, batch_size) = (1, 16, 8, 2);
//! let run = RunSettings { n_layer, n_embd, block_size, batch_size, ..RunSettings::default() };
//! let gpt = run.gpt(shards.manifest().vocab_size)?;
//! let weights = gpt.initialise(&mut generator(1, Purpose::Initialisation, 0));
//! let backend = Cpu::new(gpt, weights, run.settings())?;
//! let mut training = ShardTraining::new(Box::new(backend), &shards)?;
//! train(&mut training, &LoopConfig::steps(5), &(), &mut ())?;
//! assert_eq!(training.iter(), 5);
//! assert_eq!(training.position, 10); // five batches of two windows
//! # Ok::<(), stage01_bigram::Error>(())
//! ```

pub mod backend;
pub mod checkpoint;
pub mod checksummed;
#[cfg(feature = "cli")]
pub mod cli;
pub mod doctor;
pub mod finetune;
pub mod manifest;
pub mod prepare;
pub mod progress;
pub mod recipe;
mod regular_file;
pub mod report;
pub mod shards;
pub mod trainer;
pub mod units;
