//! The engine of stage 3 as a backend.
//!
//! ```
//! use stage01_bigram::random::{Purpose, generator};
//! use stage03_gpt::{settings::RunSettings, trainer::Trainer};
//! use stage04_training::backend::{Backend, cpu::Cpu};
//!
//! let (n_layer, n_embd, block_size, batch_size) = (1, 16, 8, 2);
//! let run = RunSettings { n_layer, n_embd, block_size, batch_size, ..RunSettings::default() };
//! let gpt = run.gpt(10)?;
//! let weights = gpt.initialise(&mut generator(1, Purpose::Initialisation, 0));
//! let mut trainer = Trainer::new(gpt.clone(), weights.clone(), run.settings())?;
//! let mut backend = Cpu::new(gpt, weights, run.settings())?;
//!
//! trainer.accumulate(&[1; 16], &[2; 16]);
//! trainer.step()?;
//! backend.accumulate(&[1; 16], &[2; 16])?;
//! backend.step()?;
//! assert_eq!(*backend.state()?.0, trainer.weights); // the same arithmetic: the same bytes
//! # Ok::<(), stage01_bigram::Error>(())
//! ```

use std::time::Duration;

use stage01_bigram::Result;
use stage02_attention::matmul::Dtype;
use stage02_attention::params::Params;
use stage03_gpt::adamw::Moments;
use stage03_gpt::dpo::Sums;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::machine::matrix_product_speed;
use stage03_gpt::trainer::{PackedBatch, PreferenceBatch, Settings, Step, Trainer};

use super::Backend;

/// A trainer of stage 3.
pub struct Cpu(pub Trainer<f32>);

impl Cpu {
    /// A trainer for these weights, before its first step.
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub fn new(gpt: Gpt, weights: Params<f32>, settings: Settings) -> Result<Self> {
        Trainer::new(gpt, weights, settings).map(Cpu)
    }

    /// A trainer for [`PackedBatch`]es.
    ///
    /// # Errors
    /// As [`Trainer::for_packed`].
    pub fn for_packed(gpt: Gpt, weights: Params<f32>, settings: Settings) -> Result<Self> {
        Trainer::for_packed(gpt, weights, settings).map(Cpu)
    }
}

impl Backend for Cpu {
    fn name(&self) -> String {
        match self.0.settings().threads {
            1 => "CPU, 1 thread".into(),
            n => format!("CPU, {n} threads"),
        }
    }

    fn gpt(&self) -> &Gpt {
        self.0.gpt()
    }

    fn settings(&self) -> &Settings {
        self.0.settings()
    }

    fn iter(&self) -> usize {
        self.0.iter
    }

    fn accumulate(&mut self, inputs: &[u32], targets: &[u32]) -> Result<()> {
        self.0.accumulate(inputs, targets);
        Ok(())
    }

    fn accumulate_packed(&mut self, batch: &PackedBatch) -> Result<()> {
        self.0.accumulate_packed(batch);
        Ok(())
    }

    fn step(&mut self) -> Result<Step> {
        self.0.step()
    }

    fn evaluate(&mut self, inputs: &[u32], targets: &[u32]) -> Result<f64> {
        Ok(self.0.evaluate(inputs, targets))
    }

    fn evaluate_packed(&mut self, batch: &PackedBatch) -> Result<f64> {
        Ok(self.0.evaluate_packed(batch))
    }

    fn accumulate_preferences(&mut self, batch: &PreferenceBatch) -> Result<Sums> {
        Ok(self.0.accumulate_preferences(batch))
    }

    fn evaluate_preferences(&mut self, batch: &PreferenceBatch) -> Result<Sums> {
        Ok(self.0.evaluate_preferences(batch))
    }

    fn log_probabilities(&mut self, batch: &PackedBatch) -> Result<Vec<Vec<f64>>> {
        Ok(self.0.log_probabilities(batch))
    }

    fn state(&mut self) -> Result<(&Params<f32>, &Moments<f32>)> {
        Ok((&self.0.weights, &self.0.moments))
    }

    fn restore(&mut self, iter: usize, weights: Params<f32>, moments: Moments<f32>) -> Result<()> {
        let (trainer, n) = (&mut self.0, weights.values.len());
        if n == trainer.weights.values.len() {
            trainer.weights = weights;
        } else {
            trainer.weights.values[..n].copy_from_slice(&weights.values);
        }
        (trainer.iter, trainer.moments) = (iter, moments);
        Ok(())
    }

    fn threads(&self) -> Option<usize> {
        Some(self.settings().threads)
    }

    /// What the process itself has allocated, without the files that are mapped into it.
    fn memory(&self) -> Option<u64> {
        // A line reads `RssAnon:     12345 kB`. Systems other than Linux have no such file.
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
        Some(1024 * line.trim().trim_end_matches(" kB").parse::<u64>().ok()?)
    }

    /// Measured at each call, which takes about a third of a second.
    fn peak_flops(&self) -> Option<f64> {
        // Only f32 is measured.
        if self.gpt().dtype() != Dtype::Float32 {
            return None;
        }
        let budget = Duration::from_millis(300);
        matrix_product_speed(self.settings().threads, budget).ok().map(|gflops| 1e9 * gflops)
    }
}
