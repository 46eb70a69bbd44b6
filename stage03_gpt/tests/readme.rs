//! The example in README.md is the one that is compiled and run.

#[test]
fn the_ten_lines_of_the_readme_are_the_example() {
    let readme = include_str!("../../README.md");
    let example = include_str!("../examples/ten_lines.rs");
    assert!(readme.contains(&format!("```rust\n{example}```")), "copy the example into README.md");
}
