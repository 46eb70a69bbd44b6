//! The template that writes a conversation as one text: the model's own, or a plain one.
//!
//! A model that was taught to chat goes on best from the form that it knows, so its own template is
//! taken, by the interpreter behind the feature `chat`. A model without one gets the plain template.

use stage01_bigram::Result;
use stage03_gpt::message::Message;
use stage03_gpt::model::Model;

use super::plain::PlainTemplate;

/// A template.
#[derive(Debug)]
pub enum Template {
    /// The model's own, in Jinja.
    #[cfg(feature = "chat")]
    Own(Box<stage03_gpt::chat::template::Template>),
    /// The plain one.
    Plain(PlainTemplate),
}

impl Template {
    /// The template of a model: its own if it has one, and the plain one if not.
    ///
    /// # Errors
    /// [`Error::Text`](stage01_bigram::Error::Text) when it has one, and this program was built without
    /// the feature `chat`; when its own is no program in Jinja; and as [`PlainTemplate::of`].
    pub fn of(model: &Model) -> Result<Template> {
        let plain = || PlainTemplate::of(&model.tokenizer, &model.special.eos);
        match &model.text_settings.chat_template {
            None => Ok(Template::Plain(plain()?)),
            // A model that was fine-tuned here before.
            Some(own) if plain().is_ok_and(|plain| plain.jinja() == own) => {
                Ok(Template::Plain(plain()?))
            }
            #[cfg(feature = "chat")]
            Some(_) => {
                let template = stage03_gpt::chat::template::Template::of(model)?;
                Ok(Template::Own(Box::new(template)))
            }
            #[cfg(not(feature = "chat"))]
            Some(_) => {
                let problem =
                    "it has a chat template, and this program was built without what runs it";
                Err(stage01_bigram::Error::text(
                    "the model",
                    problem,
                    "build it with `--features chat`",
                ))
            }
        }
    }

    /// Its source in Jinja, for the directory of the fine-tuned model.
    pub fn jinja(&self) -> &str {
        match self {
            #[cfg(feature = "chat")]
            Template::Own(template) => template.source(),
            Template::Plain(template) => template.jinja(),
        }
    }

    /// Writes messages as one text.
    ///
    /// # Errors
    /// [`Error::Text`](stage01_bigram::Error::Text) when the template refuses the messages, with its
    /// reason.
    pub fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String> {
        match self {
            #[cfg(feature = "chat")]
            Template::Own(template) => template.render(messages, add_generation_prompt),
            Template::Plain(template) => template.render(messages, add_generation_prompt),
        }
    }
}
