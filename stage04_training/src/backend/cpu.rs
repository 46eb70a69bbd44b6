//! The engine of stage 3, as a backend.

use stage01_bigram::Result;
use stage02_attention::params::Params;
use stage03_gpt::adamw::Moments;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::trainer::{Settings, Step, Trainer};

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

    fn step(&mut self) -> Result<Step> {
        self.0.step()
    }

    fn evaluate(&mut self, inputs: &[u32], targets: &[u32]) -> Result<f64> {
        Ok(self.0.evaluate(inputs, targets))
    }

    fn state(&mut self) -> Result<(&Params<f32>, &Moments<f32>)> {
        Ok((&self.0.weights, &self.0.moments))
    }

    fn restore(&mut self, iter: usize, weights: Params<f32>, moments: Moments<f32>) -> Result<()> {
        (self.0.iter, self.0.weights, self.0.moments) = (iter, weights, moments);
        Ok(())
    }
}
