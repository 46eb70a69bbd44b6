//! Links a program with libtorch: shared by the build scripts of this crate and of `experiments`.
//!
//! - The path of libtorch is written into the program (its *rpath*), so that it needs no
//!   `LD_LIBRARY_PATH`. The same holds for tests, examples and benchmarks.
//! - The CUDA library is linked although no function of it is called by name. A linker leaves out
//!   unreferenced libraries, and libtorch would then report no GPU.

use std::env;
use std::fs;
use std::path::PathBuf;

/// Links the programs of a package with libtorch, and returns the directory of its libraries.
pub fn libtorch() -> Option<PathBuf> {
    // The build script of torch-sys has found it.
    println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    let lib = env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from)?;
    // A symbolic link may point elsewhere later; the program should not follow it.
    let lib = fs::canonicalize(&lib).unwrap_or(lib);
    let shown = lib.display();

    // Build again when another libtorch is installed at the same path.
    let version_file = lib.with_file_name("version.py");
    if version_file.exists() {
        println!("cargo:rerun-if-changed={}", version_file.display());
    }

    println!("cargo:rustc-link-search=native={shown}");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{shown}");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        // ANCHOR: kept
        println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
        if lib.join("libtorch_cuda.so").exists() {
            println!("cargo:rustc-link-arg=-ltorch_cuda");
        }
        println!("cargo:rustc-link-arg=-ltorch");
        println!("cargo:rustc-link-arg=-Wl,--as-needed");
        // ANCHOR_END: kept
    }
    Some(lib)
}
