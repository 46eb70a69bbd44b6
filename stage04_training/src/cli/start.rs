//! How a run begins: from nothing, with the weights of another model, or where it was stopped.

use clap::ArgMatches;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::{Error, Result};
use stage02_attention::params::Params;
use stage03_gpt::files::TOKENIZER_FILE;
use stage03_gpt::model::Model;

use stage03_gpt::cli::resumed::{Described, require_savable};
use stage03_gpt::cli::run::typed;
use stage03_gpt::files::run_directory::{self, OutDir, Place};
use stage03_gpt::gpt::Gpt;

use super::data::Data;
use crate::checkpoint::{BEST, Saved};
use crate::recipe::Recipe;

/// Everything a run needs before its trainer can borrow the data.
pub struct Ready {
    /// The name of the recipe, or what stands in its place.
    pub name: String,
    /// The settings.
    pub recipe: Recipe,
    /// The data.
    pub data: Data,
    /// The architecture of the model.
    pub gpt: Gpt,
    /// Where it begins.
    pub start: Start,
}

/// Where a run begins.
pub enum Start {
    /// With these weights, in this place.
    New(Params<f32>, Place),
    /// Where another stopped, in its directory, with a tokenizer of this checksum.
    Saved(Box<Saved>, OutDir, String),
}

/// A new run. given: the settings as the flags say them; `matches` knows which were typed.
///
/// # Errors
/// When the recipe, the data or the model to begin with cannot be used, or the directory is taken.
pub fn begin(recipe: &str, given: &Recipe, matches: &ArgMatches) -> Result<Ready> {
    let name = recipe.to_string();
    let mut recipe = Recipe::load(recipe, given, |setting| typed(matches, setting))?;
    recipe.run.threads = Some(recipe.run.settings().threads); // the last digits depend on it
    let place = run_directory::reserve(&recipe.out_dir)?;
    if let Some(directory) = recipe.init_from.clone() {
        let Model { gpt, params, tokenizer, .. } = Model::load(&directory)?;
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

/// A model that is there already has its sizes; a recipe cannot change them.
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
    run.bias = config.bias;
    Ok(())
}

/// A run that was saved before, in the directory that `given` names.
///
/// # Errors
/// When no run was saved there or it is damaged, and when the settings or the data do not fit it.
pub fn resume(given: &Recipe, matches: &ArgMatches) -> Result<Ready> {
    let out = run_directory::resume(&given.out_dir)?;
    run_directory::refuse_link(&out.path.join(BEST))?;
    let saved = Saved::load(&out.path)?;
    let typed_here = |setting: &str| typed(matches, setting);
    let recipe = Recipe::resumed(&saved.settings, given, typed_here)?;
    let described = Described::read(&out.path, &saved.state, &recipe.run)?;
    let Described { gpt, tokenizer, tokenizer_sum } = described;
    let path = out.path.join(TOKENIZER_FILE);
    // The text it was learning makes the same tokenizer again; any other text needs the run's.
    let same_text = saved.data.is_some() && !typed(matches, "text");
    let data = Data::open(&recipe, matches, (!same_text).then_some(path.as_path()))?;
    data.require(&tokenizer, &out.path)?;
    let name = "as it was saved".into();
    let start = Start::Saved(Box::new(saved), out, tokenizer_sum);
    Ok(Ready { name, recipe, data, gpt, start })
}
