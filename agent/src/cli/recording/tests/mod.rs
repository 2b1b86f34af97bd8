//! Commands that read a recording, from end to end.

mod listed;
mod played;
