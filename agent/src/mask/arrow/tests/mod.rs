//! Streams of every type, whole and broken.

mod broken;
mod build;
mod kept;
mod types;
