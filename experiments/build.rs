//! Links libtorch as stage 4 does, whose build script speaks for its own programs alone. Without
//! the feature `torch`: nothing.

#[cfg(feature = "torch")]
#[path = "../stage04_training/link.rs"]
mod link;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    #[cfg(feature = "torch")]
    {
        println!("cargo:rerun-if-changed=../stage04_training/link.rs");
        link::libtorch();
    }
}
