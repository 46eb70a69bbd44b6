//! The files of a run, one format per file.
//!
//! | module | holds |
//! |---|---|
//! | [`metrics_log`] | `log.jsonl`: one line per step |
//! | [`run_directory`] | the directory of a run: its lock, made in one step |
//!
//! What this module leaves out: the files of a model ([`checkpoint`](crate::checkpoint)) and the
//! state of its training ([`resume`](crate::resume)).

pub mod metrics_log;
pub mod run_directory;
