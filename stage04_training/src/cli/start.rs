//! The start of a run: with random weights, with the weights of another model, or resumed.

use clap::ArgMatches;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::{Error, Result};
use stage02_attention::params::Params;
use stage03_gpt::files::TOKENIZER_FILE;
use stage03_gpt::model::{Model, ModelWeights};
use stage03_gpt::settings::PartSettings;

use stage03_gpt::cli::resumed::{Described, require_savable};
use stage03_gpt::cli::run::typed;
use stage03_gpt::files::run_directory::{self, OutDir, Place};
use stage03_gpt::gpt::Gpt;

use super::data::Data;
use crate::checkpoint::{BEST, Saved};
use crate::recipe::Recipe;

/// Everything a run needs before its trainer borrows the data.
pub struct Ready {
    /// The name of the recipe, or a description in its place.
    pub name: String,
    /// The settings.
    pub recipe: Recipe,
    /// The data.
    pub data: Data,
    /// The architecture of the model.
    pub gpt: Gpt,
    /// Its starting point.
    pub start: Start,
}

/// The starting point of a run.
pub enum Start {
    /// A new run with these weights, in this place.
    New(Params<f32>, Place),
    /// A saved run, its directory, and the checksum of its tokenizer.
    Saved(Box<Saved>, OutDir, String),
}

/// A new run. given: the settings of the flags; matches: which of them were typed.
///
/// # Errors
/// When the recipe, the data or the initial model cannot be used, or the directory is in use.
pub fn begin(recipe: &str, given: &Recipe, matches: &ArgMatches) -> Result<Ready> {
    let name = recipe.to_string();
    let mut recipe = Recipe::load(recipe, given, |setting| typed(matches, setting))?;
    recipe.run.threads = Some(recipe.run.settings().threads); // the rounding depends on it
    let place = run_directory::reserve(&recipe.out_dir)?;
    if let Some(directory) = recipe.init_from.clone() {
        let Model { gpt, weights, tokenizer, .. } = Model::load(&directory)?;
        let ModelWeights::Full(params) = weights else { unreachable!("read in full") };
        take_shape(&mut recipe, &gpt, matches)?;
        let data = Data::open(&recipe, matches, Some(&directory.join(TOKENIZER_FILE)))?;
        data.require(&tokenizer, &directory)?;
        require_savable(&tokenizer, &recipe.run.tokenizer)?;
        let gpt = recipe.run.gpt(gpt.config().vocab_size)?;
        return Ok(Ready { name, recipe, data, gpt, start: Start::New(params, place) });
    }
    let data = Data::open(&recipe, matches, None)?;
    require_savable(&data.tokenizer, &recipe.run.tokenizer)?;
    let gpt = recipe.run.gpt(recipe.vocab_size(data.tokenizer.vocab_size()))?;
    let seed = recipe.run.seed;
    let weights = gpt.initialise(&mut generator(seed, Purpose::Initialisation, 0));
    Ok(Ready { name, recipe, data, gpt, start: Start::New(weights, place) })
}

/// Takes the sizes of an existing model; a recipe cannot change them.
fn take_shape(recipe: &mut Recipe, gpt: &Gpt, matches: &ArgMatches) -> Result<()> {
    let (config, run) = (gpt.config(), &mut recipe.run);
    let sizes = [
        ("n_layer", &mut run.n_layer, config.n_layer),
        ("n_head", &mut run.n_head, config.n_head),
        ("n_embd", &mut run.n_embd, config.n_embd),
        ("block_size", &mut run.block_size, config.block_size),
    ];
    for (setting, size, own) in sizes {
        if typed(matches, setting) && *size != own {
            let expected = format!("the model of --init-from has {own}; leave the flag out");
            let flag = format!("--{}", setting.replace('_', "-"));
            return Err(Error::setting(flag, *size, expected));
        }
        *size = own;
    }
    let parts = PartSettings::of(&config.arch)?;
    if let Some(part) = PartSettings::NAMES.into_iter().find(|part| typed(matches, part))
        && run.parts.architecture().ok() != Some(config.arch)
    {
        let flag = format!("--{}", part.replace('_', "-"));
        let expected = "the model of --init-from has its own parts; leave the flag out";
        return Err(Error::setting(flag, "another part", expected));
    }
    run.parts = parts;
    run.bias = config.bias;
    Ok(())
}

/// Resumes the run that was saved in the directory of `given`.
///
/// # Errors
/// When there is no saved run or it is damaged, and when the settings or the data do not match it.
pub fn resume(given: &Recipe, matches: &ArgMatches) -> Result<Ready> {
    let out = run_directory::resume(&given.out_dir)?;
    run_directory::refuse_link(&out.path.join(BEST))?;
    let saved = Saved::load(&out.path)?;
    let typed_here = |setting: &str| typed(matches, setting);
    let recipe = Recipe::resumed(&saved.settings, given, typed_here)?;
    let described = Described::read(&out.path, &saved.state, &recipe.run)?;
    let Described { gpt, tokenizer, tokenizer_sum } = described;
    let path = out.path.join(TOKENIZER_FILE);
    // The run's own text gives the same tokenizer again; any other text needs the run's tokenizer, and
    // so does a run that took its tokenizer from another model.
    let same_text = saved.data.is_some() && !typed(matches, "text") && recipe.init_from.is_none();
    let data = Data::open(&recipe, matches, (!same_text).then_some(path.as_path()))?;
    data.require(&tokenizer, &out.path)?;
    let name = "as saved".into();
    let start = Start::Saved(Box::new(saved), out, tokenizer_sum);
    Ok(Ready { name, recipe, data, gpt, start })
}
