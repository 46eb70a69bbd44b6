//! Decompressing: gzip, xz and zstd, with several members in one file too.
//!
//! The three come from libraries written in Rust, so nothing has to be installed. Each checks
//! the checksums that its format carries: a damaged file is an error, never wrong text.

use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::FrameDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};

/// A way to compress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// `.gz`
    Gzip,
    /// `.xz`
    Xz,
    /// `.zst`
    Zstd,
}

impl Compression {
    /// The decompressed bytes of a source.
    pub fn decode<'a>(self, source: Box<dyn BufRead + 'a>) -> Box<dyn BufRead + 'a> {
        let decoder: Box<dyn Read + 'a> = match self {
            Compression::Gzip => Box::new(MultiGzDecoder::new(source)),
            Compression::Xz => Box::new(XzReader::new(source, true)),
            Compression::Zstd => Box::new(Zstd::new(source)),
        };
        Box::new(io::BufReader::with_capacity(1 << 16, Fused { decoder, failed: None }))
    }
}

/// Says an error again and again. A decoder that has failed must not be asked once more.
struct Fused<R> {
    decoder: R,
    failed: Option<(io::ErrorKind, String)>,
}

impl<R: Read> Read for Fused<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some((kind, text)) = &self.failed {
            return Err(io::Error::new(*kind, text.clone()));
        }
        let read = self.decoder.read(buffer);
        if let Err(error) = &read
            && error.kind() != io::ErrorKind::Interrupted
        {
            self.failed = Some((error.kind(), error.to_string()));
        }
        read
    }
}

/// All frames of a zstd file; the library decodes one.
struct Zstd<R> {
    source: R,
    decoder: FrameDecoder,
    /// Whether a frame has begun and not ended.
    inside: bool,
}

impl<R: BufRead> Zstd<R> {
    fn new(source: R) -> Self {
        Zstd { source, decoder: FrameDecoder::new(), inside: false }
    }

    /// Begins the next frame. False where there is none.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = (&mut self.source).take(length.into());
                    if io::copy(&mut skipped, &mut io::sink())? < u64::from(length) {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(self.damaged(error)),
            }
        }
        Ok(false)
    }

    /// The error for a frame that cannot be decoded: cut short, where nothing is left to read.
    fn damaged(&mut self, error: impl std::fmt::Display) -> io::Error {
        let kind = match self.source.fill_buf() {
            Ok([]) => io::ErrorKind::UnexpectedEof,
            _ => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, error.to_string())
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use ruzstd::decoding::BlockDecodingStrategy::UptoBlocks;
        loop {
            if !self.inside {
                self.inside = self.begin()?;
                if !self.inside {
                    return Ok(0);
                }
            }
            if self.decoder.can_collect() > 0 {
                return self.decoder.read(buffer);
            }
            if !self.decoder.is_finished() {
                if let Err(error) = self.decoder.decode_blocks(&mut self.source, UptoBlocks(1)) {
                    return Err(self.damaged(error));
                }
                continue;
            }
            let expected = self.decoder.get_checksum_from_data();
            if expected.is_some() && expected != self.decoder.get_calculated_checksum() {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "its checksum differs"));
            }
            self.inside = false;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::io::Write;

    /// Three texts of the same two members each, with all compressions.
    pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    pub(crate) fn xz(bytes: &[u8]) -> Vec<u8> {
        let options = lzma_rust2::XzOptions::with_preset(1);
        let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
        use ruzstd::encoding::{CompressionLevel, compress_to_vec};
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    type Encoder = fn(&[u8]) -> Vec<u8>;

    const ALL: [(Compression, Encoder); 3] =
        [(Compression::Gzip, gzip), (Compression::Xz, xz), (Compression::Zstd, zstd)];

    fn decode(kind: Compression, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        kind.decode(Box::new(bytes)).read_to_end(&mut text).map(|_| text)
    }

    /// Some text that is not all alike.
    fn text() -> Vec<u8> {
        (0..30_000u32)
            .flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 20).to_string().into_bytes())
            .collect()
    }

    #[test]
    fn members_are_read_one_after_another() {
        let text = text();
        for (kind, encode) in ALL {
            let (a, b) = (encode(&text), encode(b"the end\n"));
            assert_eq!(decode(kind, &a).unwrap(), text, "{kind:?}");
            let both = decode(kind, &[a, b].concat()).unwrap();
            assert_eq!(both, [&text[..], b"the end\n"].concat(), "{kind:?}");
        }
        // A frame of zstd that decoders must skip.
        let skippable =
            [&[0x5B, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 9, 9, 9], &zstd(b"text")[..]].concat();
        assert_eq!(decode(Compression::Zstd, &skippable).unwrap(), b"text");
    }

    #[test]
    fn a_file_that_is_cut_short_is_an_error_wherever_it_is_cut() {
        for (kind, encode) in ALL {
            let whole = encode(&text());
            for length in (1..whole.len()).step_by(whole.len() / 60).chain([whole.len() - 1]) {
                assert!(decode(kind, &whole[..length]).is_err(), "{kind:?} cut at {length}");
            }
        }
    }

    #[test]
    fn a_flipped_bit_is_an_error_or_makes_no_difference() {
        let text = text();
        for (kind, encode) in ALL {
            let whole = encode(&text);
            for place in (0..whole.len()).step_by(whole.len() / 90) {
                let mut damaged = whole.clone();
                damaged[place] ^= 16;
                if let Ok(decoded) = decode(kind, &damaged) {
                    assert_eq!(decoded, text, "{kind:?} flipped at {place}");
                }
            }
        }
    }

    #[test]
    fn a_decoder_that_failed_fails_again() {
        for (kind, encode) in ALL {
            let whole = encode(&text());
            let mut decoder = kind.decode(Box::new(&whole[..whole.len() / 2]));
            let mut text = Vec::new();
            assert!(decoder.read_to_end(&mut text).is_err());
            assert!(decoder.read_to_end(&mut text).is_err(), "{kind:?}");
        }
    }
}
