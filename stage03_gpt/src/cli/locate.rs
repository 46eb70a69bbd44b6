//! The model that a command names: a local path, or a model on the hub that is fetched first.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use stage01_bigram::Result;
use stage01_bigram::text::printable;

use super::screen::remark;
use crate::files::hub::{self, Event};
use crate::units::amount;

/// The path of a model by its path or its name on the hub, as [`hub::locate`] finds it. A bar on a
/// terminal shows how a file arrives; elsewhere each file is a line.
///
/// # Errors
/// Those of [`hub::locate`].
pub fn locate(model: &Path) -> Result<PathBuf> {
    // The directory in which both stages' programs save unless told otherwise.
    if model.starts_with("out") {
        return Ok(model.to_path_buf());
    }
    let mut bar = Bar { shown: None, waiting: false };
    hub::locate(model, |event| bar.event(event))
}

/// The bar of the file that is being fetched.
struct Bar {
    /// With the name of its file.
    shown: Option<(String, ProgressBar)>,
    waiting: bool,
}

impl Bar {
    fn event(&mut self, event: Event) {
        match event {
            Event::Progress { file, done, size } => {
                if io::stderr().is_terminal() {
                    self.show(file, size).set_position(done);
                }
            }
            Event::Fetched { file, size } => {
                self.hide();
                remark(format!("fetched {file} ({})", amount(size as f64)));
            }
            Event::Waiting { file } => {
                if !std::mem::replace(&mut self.waiting, true) {
                    remark(format!("another program is fetching {file}; waiting for it"));
                }
            }
            Event::Retry { file, problem } => {
                self.hide();
                remark(format!("{file}: {}; trying again", printable(problem)));
            }
            Event::FromCache { problem } => {
                let problem = printable(problem);
                remark(format!(
                    "the hub was not reached ({problem}): what was fetched before is used"
                ));
            }
        }
    }

    fn show(&mut self, file: &str, size: u64) -> &ProgressBar {
        if self.shown.as_ref().is_none_or(|(shown, _)| shown != file) {
            self.hide();
            let bar = ProgressBar::with_draw_target(Some(size), ProgressDrawTarget::stderr());
            let template = "{msg} {wide_bar:.cyan/dim} {decimal_bytes}/{decimal_total_bytes} {eta}";
            let style = ProgressStyle::with_template(template).expect("a valid template");
            bar.set_style(style.progress_chars("━━─"));
            bar.set_message(file.to_string());
            self.shown = Some((file.to_string(), bar));
        }
        &self.shown.as_ref().expect("it was just set").1
    }

    fn hide(&mut self) {
        if let Some((_, bar)) = self.shown.take() {
            bar.finish_and_clear();
        }
    }
}
