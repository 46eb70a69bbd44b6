//! A file server that took slashes away before it decoded, beside the one that shows the book.
//!
//! Both are asked for files of a temporary directory, and for a file that lies beside it.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use book::serve::directory::decoded;
use book::serve::{Shown, listen, show};
use loopback_server::server::Limits;

use crate::arguments::{self, Outcome};

/// Runs the experiment.
pub fn run(arguments: &[String]) -> Outcome {
    arguments::none(arguments)?;
    let place = tempfile::tempdir()?;
    let directory = place.path().join("pages");
    fs::create_dir(&directory)?;
    fs::write(directory.join("page.html"), "a page")?;
    fs::write(place.path().join("secret.txt"), "a secret")?;
    let (listener, port) = listen(0)?;
    let shown = Shown::new(&directory);
    std::thread::spawn(move || show(shown, listener, Limits::default()));

    // The place of the secret as a path of a URL: without the drive that some systems have.
    let secret = place.path().canonicalize()?.join("secret.txt");
    let secret = secret.to_string_lossy().replace('\\', "/");
    let secret = secret.rsplit(':').next().unwrap_or_default().trim_start_matches('/');
    println!("BESIDE THE DIRECTORY lies secret.txt");
    println!("{:<32} as it was  as it is", "asked for");
    for path in [
        "/page.html",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "//HOME/secret.txt",
        "/%2fHOME/secret.txt",
    ] {
        let url = path.replace("HOME/secret.txt", secret);
        let before = match wrong(&directory, &url).map(fs::read) {
            Some(Ok(_)) => 200,
            _ => 404,
        };
        println!("{path:<32} {before:>9}  {:>8}", status(port, &format!("GET {url}"), "")?);
    }

    println!("\nREFUSED AS WELL");
    let many = "X: y\r\n".repeat(10_000);
    let long = format!("GET /{}", "a".repeat(100_000));
    for (words, line, headers) in [
        ("a page of evil.example asks", "GET /page.html", "Origin: http://evil.example\r\n"),
        ("a name that is not ours", "GET http://evil.example/page.html", ""),
        ("something to write", "DELETE /page.html", ""),
        ("100,000 letters", &long, ""),
        ("10,000 header lines", "GET /page.html", &many),
    ] {
        println!("{words:<32} {:>19}", status(port, line, headers)?);
    }
    Ok(())
}

// ANCHOR: wrong
/// The file that the path of a URL names, as it was looked for.
fn wrong(directory: &Path, url: &str) -> Option<PathBuf> {
    let name = decoded(url.trim_start_matches('/'))?;
    if name.split('/').any(|part| part == "..") {
        return None;
    }
    Some(directory.join(name))
}
// ANCHOR_END: wrong

/// The status with which the server answers.
fn status(port: u16, line: &str, headers: &str) -> std::io::Result<String> {
    let mut socket = TcpStream::connect(("127.0.0.1", port))?;
    write!(socket, "{line} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}\r\n")?;
    let mut answer = [0; 12]; // HTTP/1.1 404
    socket.read_exact(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[9..]).into_owned())
}
