//! What a check finds, on recordings of a small writer of its own and of the recorder.

pub(crate) mod build;
mod changes;
mod files;
mod rules;
