//! The reader's own GPT. `cargo run -p exercises -- gpt` chooses its parts, compiles and runs it.

include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../answers/.gpt/parts.rs"));

fn main() -> std::process::ExitCode {
    let steps = std::env::args().nth(1).and_then(|steps| steps.parse().ok());
    exercises::gpt::main(exercises::gpt_parts!(), steps.unwrap_or(exercises::gpt::STEPS))
}
