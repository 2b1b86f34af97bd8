//! Why the kernel programs cannot be loaded or attached, each with what to do about it.

use std::io;
use std::path::PathBuf;

use super::scope::ScopeError;

/// The kernel half is not in place. What was in place before still is.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    #[error("this binary was built without the kernel programs: build it with the feature `ebpf`")]
    NotBuiltIn,
    #[error("cannot settle which cgroups are enforced")]
    Scope(#[from] ScopeError),
    #[error("`{path}` is not on a BPF file system: mount -t bpf bpf /sys/fs/bpf")]
    NoBpffs { path: PathBuf },
    #[error("cannot make the directory for pins `{path}`")]
    PinDirectory {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the directory for pins `{path}` can be written by others than the daemon")]
    PinDirectoryOpen { path: PathBuf },
    #[error("the kernel does not take the maps of the kernel programs")]
    Object(#[source] aya::EbpfError),
    #[error("the kernel does not take the program `{program}`")]
    Load {
        program: String,
        #[source]
        source: aya::programs::ProgramError,
    },
    #[error("the kernel half of this binary has no `{name}` of the expected kind")]
    Incomplete { name: String },
    #[error("the pinned map `{name}` is of another version: run `snowfence` of that version first")]
    PinnedLayout { name: &'static str },
    #[error("cannot use the counters of the kernel programs")]
    Counters {
        #[source]
        source: aya::maps::MapError,
    },
    #[error("cannot write the map of {map}")]
    Map {
        map: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("cannot read the cookie of the network namespace, which needs Linux 5.14")]
    NetnsCookie {
        #[source]
        source: io::Error,
    },
    #[error("a listener cannot be at port {port}, which is intercepted")]
    ListenerPort { port: u16 },
    #[error("cannot attach the program `{program}`")]
    Attach {
        program: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("cannot destroy the connections from before the start")]
    Destroy {
        #[source]
        source: io::Error,
    },
    #[error("cannot remove the pins")]
    Unpin {
        #[source]
        source: io::Error,
    },
}
