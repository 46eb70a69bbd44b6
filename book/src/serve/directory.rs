//! The files of a directory, and nothing else, by the path of a URL.
//!
//! A path is decoded first and checked afterwards. What is checked is what will be opened: the
//! names in the path, then where they lead to (a symbolic link may lead out of the directory),
//! then what is there (a FIFO keeps its reader waiting, a device may never end).

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};

/// A file of the directory, open.
#[derive(Debug)]
pub struct Found {
    /// Its path, without symbolic links.
    pub path: PathBuf,
    /// Open for reading. It stays whole if another takes its place meanwhile.
    pub file: File,
    /// Its bytes.
    pub length: u64,
}

// ANCHOR: find
/// Opens the file that the path of a URL names, if it is a regular file in the directory. A path
/// that ends with `/` means the `index.html` there.
pub fn find(directory: &Path, url: &str) -> Option<Found> {
    let name = decoded(url.strip_prefix('/')?)?;
    let mut path = directory.canonicalize().ok()?;
    let directory = path.clone();
    for part in Path::new(&name).components() {
        match part {
            Component::Normal(part) => path.push(part),
            _ => return None, // `/`, `..`, `.`, `C:`
        }
    }
    if name.is_empty() || name.ends_with('/') {
        path.push("index.html");
    }
    let path = path.canonicalize().ok()?;
    if !path.starts_with(directory) || !fs::metadata(&path).ok()?.is_file() {
        return None;
    }
    let file = File::open(&path).ok()?;
    let data = file.metadata().ok()?;
    data.is_file().then_some(Found { path, file, length: data.len() })
}
// ANCHOR_END: find

/// A path with its `%20` and the like made plain, once. None if it is no text then, or has a
/// character that means something else on other systems.
pub fn decoded(path: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), path.as_bytes());
    while let Some((&first, after)) = rest.split_first() {
        if first == b'%' {
            let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
            bytes.push(u8::try_from(digit(0)? * 16 + digit(1)?).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok().filter(|path| !path.contains(['\\', ':', '\0']))
}

/// What kind of file this is, for browsers.
pub fn kind(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()).unwrap_or("") {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml; charset=utf-8",
        "png" => "image/png",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

/// A file as the body of an answer, read in pieces, with a few bytes put in if one likes.
#[derive(Debug)]
pub struct FileBody {
    file: File,
    left: u64,
    inserted: Bytes,
    /// How many bytes of the file come before those that are put in.
    before: u64,
}

impl FileBody {
    /// A file that is sent from where it stands, as it is.
    pub fn new(file: File, length: u64) -> Self {
        Self { file, left: length, inserted: Bytes::new(), before: 0 }
    }

    /// Puts bytes in after the first `before` of the file.
    pub fn with(self, before: u64, inserted: Bytes) -> Self {
        Self { inserted, before: before.min(self.left), ..self }
    }

    /// The bytes that will be sent.
    pub fn length(&self) -> u64 {
        self.left + self.inserted.len() as u64
    }
}

/// How much of a file is read at a time.
const PIECE: u64 = 32 << 10;

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.before == 0 && !self.inserted.is_empty() {
            let inserted = std::mem::take(&mut self.inserted);
            return Poll::Ready(Some(Ok(Frame::data(inserted))));
        }
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let until = if self.before > 0 { self.before } else { self.left };
        let mut piece = vec![0; until.min(PIECE) as usize];
        let read = match self.file.read(&mut piece) {
            // It has become shorter. The connection is closed, so that the client sees that the file is incomplete.
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            read => read,
        };
        Poll::Ready(Some(read.map(|read| {
            piece.truncate(read);
            self.left -= read as u64;
            self.before = self.before.saturating_sub(read as u64);
            Frame::data(piece.into())
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.length() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_is_decoded_once() {
        assert_eq!(decoded("a%20b%2Fc%c3%a9").unwrap(), "a b/c\u{e9}");
        assert_eq!(decoded("%252e").unwrap(), "%2e");
        for wrong in ["%", "%2", "%zz", "%+f", "%\u{e9}", "%ff", "%00", "a\\b", "%5c", "c:", "%3A"]
        {
            assert_eq!(decoded(wrong), None, "{wrong}");
        }
    }

    proptest! {
        /// Whatever the path, what is opened lies in the directory.
        #[test]
        fn what_is_found_lies_inside(parts in prop::collection::vec(
            prop::sample::select(vec![
                "/", "%2f", "%2F", "..", ".", "%2e", "%2e%2e", "%252e", "%", "%00", "\\", "%5c",
                "C:", "secret", "inside", "up", "book", "book2", "place", "index.html", " ", "~",
            ]),
            0..12,
        ), absolute in 0..3usize) {
            let place = tempfile::tempdir().unwrap();
            let book = place.path().join("book");
            fs::create_dir(&book).unwrap();
            fs::create_dir(place.path().join("book2")).unwrap();
            for name in ["secret", "book/inside", "book/index.html", "book2/secret"] {
                fs::write(place.path().join(name), name).unwrap();
            }
            #[cfg(unix)]
            std::os::unix::fs::symlink("..", book.join("up")).unwrap();
            let path = parts.concat().replace("place", &place.path().to_string_lossy());
            let start = ["/", "", "/%2f"][absolute];
            if let Some(mut found) = find(&book, &format!("{start}{path}")) {
                let mut text = String::new();
                found.file.read_to_string(&mut text).unwrap();
                prop_assert!(["book/inside", "book/index.html"].contains(&text.as_str()), "{path}");
            }
        }
    }
}
