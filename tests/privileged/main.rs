//! Tests that need root: cgroups, mount namespaces, and the daemon with its programs.

mod harness;
mod warehouse;
