//! An HTTP/1.1 server on the loopback address, with a limit on everything that a client can do.
//!
//! hyper parses requests and writes responses. This crate adds what hyper leaves to its users. The
//! book is served by it, and stage 3's models.
//!
//! ```text
//! server     connections: how many, how long, and how they end
//!   guard    checks of every request: host, origin, method, body
//!   slots    the number of connections
//!   socket   a write timeout
//!   unparsed words for requests that hyper answers by itself
//! message    requests and responses: whole, or as a stream
//! ```
//!
//! A handler gets a request that passed the guard, and gives a response:
//!
//! ```no_run
//! use std::net::TcpListener;
//!
//! use loopback_server::message::{Request, plain};
//! use loopback_server::server::{Limits, run};
//! use loopback_server::{Method, StatusCode};
//!
//! let listener = TcpListener::bind("127.0.0.1:3000")?;
//! run(listener, &[Method::GET], Limits::default(), |request: Request| async move {
//!     plain(StatusCode::OK, format!("You asked for {}.\n", request.uri().path()))
//! })?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! What this crate leaves out: files, TLS, HTTP/2, compression, cookies.

#![warn(missing_docs)]

pub mod guard;
pub mod message;
pub mod server;
mod slots;
mod socket;
mod unparsed;

pub use hyper::body::Bytes;
pub use hyper::{Method, StatusCode, header};
