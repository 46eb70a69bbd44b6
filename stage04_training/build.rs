//! Makes a program with libtorch run wherever it is started. Without the feature `torch`:
//! nothing.
//!
//! - The place of libtorch is written into the program (its *rpath*), so that it needs no
//!   `LD_LIBRARY_PATH`. This holds for tests, examples and benchmarks as well.
//! - The part for CUDA is linked even though no function of it is called by name. A linker
//!   leaves out what nobody calls, and libtorch would then say that there is no GPU.
//! - The few functions that the crate tch leaves out are compiled.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    #[cfg(feature = "torch")]
    torch::link();
}

#[cfg(feature = "torch")]
mod torch {
    use std::env;
    use std::fs;
    use std::path::{Path, PathBuf};

    const MISSING: &str = "src/backend/torch/missing.cpp";

    pub fn link() {
        // The build script of torch-sys has found it.
        println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
        let Some(lib) = env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from) else { return };
        // A link may be turned to another place later; the program should not follow it.
        let lib = fs::canonicalize(&lib).unwrap_or(lib);
        let shown = lib.display();

        // Another libtorch in the same place.
        let version_file = lib.with_file_name("version.py");
        if version_file.exists() {
            println!("cargo:rerun-if-changed={}", version_file.display());
        }

        println!("cargo:rustc-env=LIBTORCH_LIB={shown}");
        println!("cargo:rustc-env=LIBTORCH_VERSION={}", version(&lib));
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

        println!("cargo:rerun-if-changed={MISSING}");
        let include = lib.parent().unwrap_or(&lib).join("include");
        cc::Build::new()
            .cpp(true)
            .std("c++17")
            .warnings(false)
            .include(include)
            .file(MISSING)
            .compile("missing");
    }

    /// What the installation says of itself: a wheel has `version.py`, an archive
    /// `build-version`.
    fn version(lib: &Path) -> String {
        let home = lib.parent().unwrap_or(lib);
        let wheel = fs::read_to_string(home.join("version.py")).unwrap_or_default();
        let line = wheel.lines().find_map(|line| line.strip_prefix("__version__ = '"));
        match line.and_then(|line| line.split('\'').next()) {
            Some(version) => version.into(),
            None => fs::read_to_string(home.join("build-version"))
                .map_or_else(|_| "unknown".into(), |text| text.trim().into()),
        }
    }
}
