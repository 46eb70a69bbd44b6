//! Decompression of gzip, xz and zstd, also with several members in one file.
//!
//! The three libraries are written in Rust, so nothing has to be installed. Each verifies the
//! checksums of its format: a damaged file is an error, never wrong text.
//!
//! xz and zstd refer back to decompressed data: a file states how much of it must be kept in
//! memory, its *window*. The size is checked before memory is allocated.

use std::fmt;
use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::FrameDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, FrameHeaderError, ReadFrameHeaderError};

/// A compression format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// `.gz`
    Gzip,
    /// `.xz`
    Xz,
    /// `.zst`
    Zstd,
}

/// The largest window that is accepted, in bytes: that of `zstd --ultra -22` and `zstd --long`,
/// twice that of `xz -9`.
pub const LARGEST_WINDOW: u64 = 128 << 20;

/// A window that is always accepted: nearly all files need at most this.
pub const USUAL_WINDOW: u64 = 8 << 20;

impl Compression {
    /// The decompressed bytes of a source.
    ///
    /// window: the largest window that is accepted, in bytes.
    pub fn decode<'a>(self, source: Box<dyn BufRead + 'a>, window: u64) -> Box<dyn BufRead + 'a> {
        let decoder: Box<dyn Read + 'a> = match self {
            Compression::Gzip => Box::new(Gzip(Some(GzDecoder::new(source)))),
            Compression::Xz => Box::new(Xz::new(source, window)),
            Compression::Zstd => Box::new(Zstd::new(source, window)),
        };
        Box::new(io::BufReader::with_capacity(1 << 16, Fused { decoder, failed: None }))
    }
}

/// The window that compressed data needs, in bytes; 0 if it is not stated.
pub fn window(head: &[u8]) -> u64 {
    match head {
        // A frame of zstd: a byte of flags, and the window unless the frame is a single segment.
        [0x28, 0xB5, 0x2F, 0xFD, flags, window, ..] if flags & 0x20 == 0 => {
            let base = 1u64 << (10 + (window >> 3));
            base + base / 8 * u64::from(window & 7)
        }
        [0x28, 0xB5, 0x2F, 0xFD, flags, rest @ ..] => {
            let dictionary = [0, 1, 2, 4][usize::from(flags & 3)];
            let length = [1, 2, 4, 8][usize::from(flags >> 6)];
            let size = rest.get(dictionary..dictionary + length).unwrap_or_default();
            size.iter().rev().fold(0, |size, &byte| size << 8 | u64::from(byte))
        }
        [0xFD, b'7', b'z', b'X', b'Z', 0, rest @ ..] => {
            rest.get(6..).and_then(xz_window).unwrap_or(0)
        }
        _ => 0,
    }
}

/// The dictionary size in the header of a block of xz.
fn xz_window(header: &[u8]) -> Option<u64> {
    let flags = *header.get(1)?;
    let mut at = 2;
    let mut number = || {
        let (mut number, mut shift) = (0u64, 0);
        loop {
            let byte = *header.get(at)?;
            at += 1;
            number |= u64::from(byte & 0x7F).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 || shift > 56 {
                return Some(number);
            }
        }
    };
    for size in [0x40, 0x80] {
        if flags & size != 0 {
            number()?;
        }
    }
    for _ in 0..=flags & 3 {
        let (filter, length) = (number()?, number()?);
        let size = number()?;
        if filter == 0x21 && length == 1 && size < 41 {
            return Some((2 | size & 1) << (size / 2 + 11));
        }
        for _ in 1..length.min(16) {
            number()?;
        }
    }
    None
}

/// The error for a file whose window is too large.
#[derive(Debug)]
pub struct TooLarge {
    compression: Compression,
    /// The window of the file in bytes, if known.
    asked: Option<u64>,
    /// The limit in bytes.
    allowed: u64,
}

impl TooLarge {
    fn error(compression: Compression, asked: Option<u64>, allowed: u64) -> io::Error {
        io::Error::other(TooLarge { compression, asked, allowed })
    }

    /// The remedy for users.
    pub fn remedy(&self) -> &'static str {
        match self.compression {
            Compression::Zstd => {
                "it is not damaged; compress it again: `zstd -dc --long=31 FILE | zstd -o NEW.zst`"
            }
            _ => "it is not damaged; compress it again: `xz -dc FILE | zstd -o NEW.zst`",
        }
    }
}

impl std::error::Error for TooLarge {}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mebibytes = |bytes: u64| bytes.div_ceil(1 << 20);
        write!(f, "to decompress it, ")?;
        match self.asked {
            Some(asked) => write!(f, "{} MiB", mebibytes(asked))?,
            None => write!(f, "more")?,
        }
        write!(
            f,
            " must be kept in memory (its window), and {} MiB is the limit",
            mebibytes(self.allowed)
        )
    }
}

/// All members of a gzip file. Zeros may follow, as on tapes.
struct Gzip<R: BufRead>(Option<GzDecoder<R>>);

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(decoder) = &mut self.0 {
            let read = decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let mut source = self.0.take().expect("the decoder was just used").into_inner();
            loop {
                let bytes = source.fill_buf()?;
                let zeros = bytes.iter().position(|&byte| byte != 0).unwrap_or(bytes.len());
                match bytes.get(zeros) {
                    None if bytes.is_empty() => return Ok(0),
                    None => source.consume(zeros),
                    Some(0x1F) => {
                        source.consume(zeros);
                        break;
                    }
                    Some(_) => {
                        let text = "data that is not gzip follows its end";
                        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
                    }
                }
            }
            self.0 = Some(GzDecoder::new(source));
        }
        Ok(0)
    }
}

/// An xz file. The library reports that a window is too large, but not its size.
struct Xz<R: Read> {
    decoder: XzReader<R>,
    window: u64,
}

impl<R: Read> Xz<R> {
    fn new(source: R, window: u64) -> Self {
        // In KiB, including the memory of the decoder itself.
        let limit = (window >> 10) as u32 + 256;
        Xz { decoder: XzReader::new_mem_limit(source, true, limit), window }
    }
}

impl<R: Read> Read for Xz<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.decoder.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::OutOfMemory => TooLarge::error(Compression::Xz, None, self.window),
            _ => error,
        })
    }
}

/// Repeats an error: a decoder that has failed must not be called again.
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
    fn new(source: R, window: u64) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(window);
        Zstd { source, decoder, inside: false }
    }

    /// Begins the next frame. False if there is none.
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
                Err(FrameDecoderError::WindowSizeTooBig { requested, max }) => {
                    return Err(TooLarge::error(Compression::Zstd, Some(requested), max));
                }
                Err(FrameDecoderError::FrameHeaderError(FrameHeaderError::WindowTooBig {
                    got,
                })) => {
                    let allowed = self.decoder.max_window_size();
                    return Err(TooLarge::error(Compression::Zstd, Some(got), allowed));
                }
                Err(error) => return Err(self.damaged(error)),
            }
        }
        Ok(false)
    }

    /// The error for a frame that cannot be decoded: it is cut short if the source is at its end.
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
mod tests {
    use super::*;
    use crate::prepare::archives::{gzip, xz, zstd};

    type Encoder = fn(&[u8]) -> Vec<u8>;

    const ALL: [(Compression, Encoder); 3] =
        [(Compression::Gzip, gzip), (Compression::Xz, xz), (Compression::Zstd, zstd)];

    fn decode(kind: Compression, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        kind.decode(Box::new(bytes), LARGEST_WINDOW).read_to_end(&mut text).map(|_| text)
    }

    /// Some varied text.
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
            let mut decoder = kind.decode(Box::new(&whole[..whole.len() / 2]), USUAL_WINDOW);
            let mut text = Vec::new();
            assert!(decoder.read_to_end(&mut text).is_err());
            assert!(decoder.read_to_end(&mut text).is_err(), "{kind:?}");
        }
    }

    #[test]
    fn only_zeros_may_follow_a_gzip_file() {
        let padded = [gzip(b"one "), vec![0; 1000], gzip(b"two"), vec![0; 70_000]].concat();
        assert_eq!(decode(Compression::Gzip, &padded).unwrap(), b"one two");
        let source = io::BufReader::with_capacity(64, &padded[..]);
        let mut text = Vec::new();
        Compression::Gzip.decode(Box::new(source), 0).read_to_end(&mut text).unwrap();
        assert_eq!(text, b"one two");
        let error = decode(Compression::Gzip, &[gzip(b"one"), b"two".to_vec()].concat());
        assert!(error.unwrap_err().to_string().contains("follows its end"));
    }

    #[test]
    fn a_window_is_known_from_the_first_bytes_and_has_a_limit() {
        let window_of = |byte| window(&[0x28, 0xB5, 0x2F, 0xFD, 0x04, byte, 0]);
        assert_eq!((window_of(0), window_of(0x68)), (1 << 10, 8 << 20));
        assert_eq!((window_of(0x88), window_of(0xA8)), (LARGEST_WINDOW, 2 << 30));
        assert_eq!(window(&[0x28, 0xB5, 0x2F, 0xFD, 0x20, 200]), 200);
        assert_eq!(window(&zstd(&text())) >> 24, 0);
        assert_eq!(window(&xz(b"x")), 1 << 20);
        assert_eq!((window(&gzip(b"x")), window(b""), window(b"\xFD7zXZ\0")), (0, 0, 0));
        for (kind, bytes) in [
            (Compression::Zstd, vec![0x28, 0xB5, 0x2F, 0xFD, 0x04, 0xA8, 1, 0, 0]),
            (Compression::Zstd, vec![0x28, 0xB5, 0x2F, 0xFD, 0x04, 0xFF, 1, 0, 0]),
            (Compression::Xz, {
                let mut bytes = xz(b"text");
                assert_eq!(bytes[14..17], [0x21, 1, 16]);
                bytes[16] = 40; // 4 GiB
                let length = 4 * (usize::from(bytes[12]) + 1);
                let sum = crc32(&bytes[12..12 + length - 4]);
                bytes[12 + length - 4..12 + length].copy_from_slice(&sum.to_le_bytes());
                bytes
            }),
        ] {
            let error = decode(kind, &bytes).unwrap_err();
            assert!(error.to_string().contains("128 MiB is the limit"), "{error}");
            let error = error.get_ref().unwrap().downcast_ref::<TooLarge>().unwrap();
            assert!(error.remedy().contains("zstd -o NEW.zst"));
        }
    }

    /// The checksum in the headers of xz.
    fn crc32(bytes: &[u8]) -> u32 {
        let mut sum = flate2::Crc::new();
        sum.update(bytes);
        sum.sum()
    }
}
