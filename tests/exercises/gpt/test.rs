//! The reader's own GPT. `cargo run -p exercises -- gpt` chooses its parts, compiles and runs it.

use exercises::gpt::{self, parts::Arch};

include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../answers/.gpt/parts.rs"));

fn main() -> std::process::ExitCode {
    let mut arguments = std::env::args().skip(1);
    let arch = match arguments.next().as_deref() {
        Some("llama") => Arch::Llama,
        _ => Arch::Gpt2,
    };
    let steps = arguments.next().and_then(|steps| steps.parse().ok());
    gpt::main(exercises::gpt_parts!(), arch, steps.unwrap_or(gpt::STEPS))
}
