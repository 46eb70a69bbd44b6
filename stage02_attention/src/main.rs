//! The second stage on the screen: a model that looks back beats one that does not.
//!
//! The model is in the library; this file parses options and prints. The output is plain text of at
//! most 76 columns, the same for the same options; only a heat map on a terminal has colours.

mod show;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use stage01_bigram::screen::{self, Stop};
use stage02_attention::training::Settings;

/// Attention: a model in which every token can attend to all tokens before it.
///
/// The bigram of stage 1 knows one token and guesses the next. Here each token becomes a vector; it
/// compares itself with the tokens before it, gives each of them an attention weight, and takes the
/// weighted mean of their values. Queries, keys and values are learned.
///
/// Without a command you get the whole tour: the model is trained beside the loss of the counted
/// bigram on the same text, it generates text, and a heat map shows its attention weights. Then the
/// three kinds of attention (encoder, decoder, cross), and an experiment on why scores are divided
/// by the square root of their length.
///
/// Losses are in nats per character: 0 for a model that always knows what comes, the logarithm of
/// the vocabulary size for the uniform baseline.
#[derive(Parser)]
#[command(version, max_term_width = 80, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    train: TrainOptions,

    #[command(flatten)]
    sample: SampleOption,

    #[command(flatten)]
    prompt: PromptOption,
}

#[derive(Subcommand)]
enum Command {
    /// Trains the model and generates text: the first half of the tour.
    ///
    /// The model is one layer of attention between a token embedding and an output layer, which
    /// gives every possible next token a score. It is trained on the first nine tenths of the text
    /// by gradient descent with momentum, and validated on the rest.
    Train {
        #[command(flatten)]
        train: TrainOptions,

        #[command(flatten)]
        sample: SampleOption,

        /// Also draw the loss curve: DIR/loss.svg.
        #[arg(long, value_name = "DIR")]
        out_dir: Option<PathBuf>,
    },
    /// Shows the three kinds of attention side by side, computed by untrained layers.
    ///
    /// A translator reads one sentence and writes another. The encoder reads: each word sees the
    /// whole sentence. The decoder writes: each word sees only what stands before it, because the
    /// rest is not written yet. Cross-attention joins them: each word that is written attends to
    /// the sentence that is read. A GPT is a decoder and nothing else.
    Masks {
        /// Random seed: the same seed, the same picture.
        #[arg(long, value_name = "N", default_value_t = 1337)]
        seed: u64,
    },
    /// Measures why scores are divided by the square root of their length.
    ///
    /// Draws random queries and keys of growing length d and shows how their scores spread, how
    /// even the attention weights are, and how much of the gradient gets through the softmax; once
    /// with scores as they are, once divided by sqrt(d).
    Scaling {
        /// Random seed: the same seed, the same table.
        #[arg(long, value_name = "N", default_value_t = 1337)]
        seed: u64,
    },
    /// Trains the model, then draws its attention weights as SVG pictures.
    ///
    /// Writes DIR/heads.svg, all heads of the trained model over one text, and DIR/masks.svg,
    /// the three kinds of attention. Any browser shows them.
    Heatmap {
        #[command(flatten)]
        train: TrainOptions,

        #[command(flatten)]
        prompt: PromptOption,

        /// The directory for the pictures; created if it does not exist.
        #[arg(long, visible_alias = "out", value_name = "DIR", default_value = "heatmaps")]
        out_dir: PathBuf,
    },
}

#[derive(Args)]
struct TrainOptions {
    /// The training text, one file or several; without it, the King James Bible.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    text: Vec<PathBuf>,

    /// Embedding width: the length of a token's vector.
    #[arg(long, value_name = "N", default_value_t = 64)]
    n_embd: usize,

    /// Number of attention heads. Each attends by itself, with an equal part of the embedding
    /// width.
    #[arg(long, value_name = "N", default_value_t = 4)]
    n_head: usize,

    /// Context length: the most tokens that the model can see at once.
    #[arg(long, value_name = "N", default_value_t = 64)]
    block_size: usize,

    /// Number of windows of the text per step.
    #[arg(long, value_name = "N", default_value_t = Settings::default().batch_size)]
    batch_size: usize,

    /// Number of steps of gradient descent.
    #[arg(long, value_name = "N", default_value_t = Settings::default().max_iters)]
    max_iters: usize,

    /// Learning rate of the first step; it falls in a straight line to zero.
    #[arg(long, value_name = "RATE", default_value_t = Settings::default().learning_rate)]
    learning_rate: f64,

    /// Number of steps between two evaluations.
    #[arg(long, value_name = "N", default_value_t = Settings::default().eval_interval)]
    eval_interval: usize,

    /// Random seed: the same seed, the same run.
    #[arg(long, value_name = "N", default_value_t = Settings::default().seed)]
    seed: u64,
}

#[derive(Args)]
struct SampleOption {
    /// Number of characters to generate at the end.
    #[arg(long, value_name = "N", default_value_t = 300)]
    max_new_tokens: usize,
}

#[derive(Args)]
struct PromptOption {
    /// The text whose heat map is drawn, at most as long as --block-size; without it, a few
    /// words of the Bible, or of your text.
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,
}

fn main() -> ExitCode {
    screen::main(|cli: Cli, out| run(cli, out))
}

fn run(cli: Cli, out: &mut impl Write) -> std::result::Result<(), Stop> {
    match cli.command {
        None => {
            let trained = show::training(&cli.train, cli.prompt.prompt.as_deref(), out)?;
            trained.sample(cli.sample.max_new_tokens, cli.train.seed, out)?;
            trained.heat_map(out)?;
            writeln!(out)?;
            show::masks(cli.train.seed, out)?;
            writeln!(out)?;
            show::scaling(cli.train.seed, out)
        }
        Some(Command::Train { train, sample, out_dir }) => {
            if let Some(directory) = &out_dir {
                stage01_bigram::files::create_directory(directory)?;
            }
            let trained = show::training(&train, None, out)?;
            if let Some(directory) = &out_dir {
                trained.draw_curve(&directory.join("loss.svg"), out)?;
            }
            trained.sample(sample.max_new_tokens, train.seed, out)
        }
        Some(Command::Masks { seed }) => show::masks(seed, out),
        Some(Command::Scaling { seed }) => show::scaling(seed, out),
        Some(Command::Heatmap { train, prompt, out_dir }) => {
            stage01_bigram::files::create_directory(&out_dir)?;
            let trained = show::training(&train, prompt.prompt.as_deref(), out)?;
            trained.draw_heads(&out_dir.join("heads.svg"), out)?;
            show::draw_masks(train.seed, &out_dir.join("masks.svg"), out)
        }
    }
}
