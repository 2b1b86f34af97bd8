//! The kernel programs against the running kernel: needs root, cgroup v2, and bpffs.
//!
//! Every test has cgroups, pins and a stand-in for Snowflake of its own, so they run side by side and
//! beside other people's programs. All traffic is on loopback. The clients are Python: unmodified, as
//! an agent's would be.
#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "the lints know tests by their attribute, and this crate is nothing else"
)]

mod denied;
mod flood;
mod harness;
mod lifecycle;
mod reborn;
mod redirected;
