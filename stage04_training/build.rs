//! Links libtorch (`link.rs`), compiles the few functions that the crate tch lacks, and records
//! the version of libtorch. Does nothing without the feature `torch`.

#[cfg(feature = "torch")]
mod link;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    #[cfg(feature = "torch")]
    torch::build();
}

#[cfg(feature = "torch")]
mod torch {
    use std::fs;
    use std::path::Path;

    const MISSING: &str = "src/backend/torch/missing.cpp";

    pub fn build() {
        println!("cargo:rerun-if-changed=link.rs");
        let Some(lib) = crate::link::libtorch() else { return };
        println!("cargo:rustc-env=LIBTORCH_LIB={}", lib.display());
        println!("cargo:rustc-env=LIBTORCH_VERSION={}", version(&lib));

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

    /// The version of the installation, from `version.py` in a wheel or `build-version` in an
    /// archive.
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
