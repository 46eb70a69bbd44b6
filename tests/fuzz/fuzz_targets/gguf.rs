//! GGUF: what is accepted has tensors that lie in the file, gives finite numbers, no more of them
//! than the blocks of the file hold, and, written again in f32, is read back unchanged. A model in
//! it has no more weights than the file has numbers, and gives a logit for each token, also with its
//! quantised matrices as they are.
#![no_main]

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use stage03_gpt::files::gguf::{
    GgufFile, NewTensor, TensorType, read_blocks, read_model, write_gguf,
};
use stage03_gpt::generate::Decoder;

/// Where what was read is written again.
static FILE: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("fuzz-{}.gguf", std::process::id())));

fuzz_target!(|bytes: &[u8]| {
    let file = match GgufFile::from_bytes(Path::new("model.gguf"), bytes) {
        Ok(file) => file,
        Err(error) => return fuzz::refused(&error),
    };
    let mut numbers = Vec::new();
    for tensor in file.tensors() {
        match file.read(tensor) {
            Ok(values) => numbers.push(values),
            Err(error) => return fuzz::refused(&error),
        }
    }
    let count: usize = numbers.iter().map(Vec::len).sum();
    // The smallest blocks that are read hold 256 numbers in 144 bytes.
    assert!(count <= bytes.len() * 256 / 144, "{count} numbers of {} bytes", bytes.len());
    assert!(numbers.iter().flatten().all(|number| number.is_finite()));

    match read_model(&file) {
        Ok((gpt, params)) => {
            assert!(params.values.len() == gpt.layout().len() && params.values.len() <= count);
            let logits = gpt.logits(&params, &[0]).expect("every model has a first token");
            assert_eq!(logits.dim(), (1, gpt.config().vocab_size));
            let (mut gpt, weights) = read_blocks(&file).expect("the same model, for inference");
            gpt.shorten_context(1).expect("every context has a token");
            let mut decoder = Decoder::new(&gpt, weights.for_inference(), None).expect("small");
            decoder.prefill(&[0]).expect("every model has a first token");
            assert_eq!(decoder.logits().len(), gpt.config().vocab_size);
        }
        Err(error) => fuzz::refused(&error),
    }

    // The writer sets the alignment itself.
    let metadata = file.metadata().entries().iter().filter(|(key, _)| key != "general.alignment");
    let metadata: Vec<_> = metadata.cloned().collect();
    let new = file.tensors().iter().map(|tensor| NewTensor {
        name: tensor.name.clone(),
        dims: tensor.dims.clone(),
        kind: TensorType::F32,
    });
    let new: Vec<NewTensor> = new.collect();
    // A file is written to the disk, which takes longer than reading: every sixteenth.
    if !bytes.len().is_multiple_of(16) {
        return;
    }
    write_gguf(&FILE, &metadata, &new, |i| Cow::Borrowed(&numbers[i])).expect("a file to write");
    let again = GgufFile::open(&FILE).expect("what was written is read");
    // As text, because NaN in metadata is not equal to itself.
    assert_eq!(format!("{:?}", again.metadata().entries()), format!("{metadata:?}"));
    for (tensor, numbers) in file.tensors().iter().zip(&numbers) {
        let found = again.tensor(&tensor.name).expect("every tensor");
        assert_eq!(found.dims, tensor.dims);
        assert_eq!(&again.read(found).expect("numbers"), numbers);
    }
});
