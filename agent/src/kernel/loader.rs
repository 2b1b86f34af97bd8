//! Loads the programs and reuses what an earlier start left pinned.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use agent_ebpf::{ABI, Flow, FlowKey, Listener, Scope, ScopePath, map};
use aya::maps::{Map, MapData, PerCpuArray};
use aya::programs::Program;
use aya::{Ebpf, EbpfLoader};

use super::KernelError;
use super::btf::{self, Offsets};
use super::sys::Table;

/// Every map that is pinned, under its name.
const MAPS: [&str; 10] = [
    map::ADDRESSES,
    map::COUNTERS,
    map::EXEMPT,
    map::FLOWS,
    map::LISTENERS,
    map::PORTS,
    map::REDIRECTS,
    map::SCOPES,
    map::SCOPE_PATHS,
    map::TAGS,
];

/// Where the pins are. The version is in the path because a map of another layout must not be reused.
#[derive(Debug)]
pub(super) struct Pins {
    pub(super) maps: PathBuf,
    pub(super) links: PathBuf,
}

/// The programs, loaded and not yet attached, and their maps.
pub(super) struct Loaded {
    pub(super) programs: Ebpf,
    pub(super) flows: Table<FlowKey, Flow>,
    pub(super) scopes: Table<u64, Scope>,
    pub(super) scope_paths: Table<ScopePath, Scope>,
    /// Whether the programs at the tracepoints can tell one cgroup from another.
    pub(super) knows_cgroups: bool,
    pub(super) listeners: Table<u64, Listener>,
    pub(super) ports: Table<u32, u32>,
    pub(super) addresses: Table<[u32; 4], u32>,
    pub(super) exempt: Table<u32, u64>,
    pub(super) counters: PerCpuArray<MapData, u64>,
}

impl Pins {
    pub(super) fn at(directory: &Path) -> Self {
        let version = directory.join(format!("v{ABI}"));
        Self {
            maps: version.join("maps"),
            links: version.join("links"),
        }
    }

    /// Makes the directories, which nobody but us may enter: a pin is all it takes to steer us.
    pub(super) fn create(directory: &Path) -> Result<Self, KernelError> {
        let pins = Self::at(directory);
        for path in [&pins.maps, &pins.links] {
            let error = |source| KernelError::PinDirectory {
                path: path.clone(),
                source,
            };
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
                .map_err(error)?;
        }
        let owner = nix::unistd::geteuid().as_raw();
        for path in pins.maps.ancestors().take(3).chain([pins.links.as_path()]) {
            let metadata = fs::metadata(path).map_err(|source| KernelError::PinDirectory {
                path: path.into(),
                source,
            })?;
            if metadata.uid() != owner || metadata.mode() & 0o022 != 0 {
                return Err(KernelError::PinDirectoryOpen { path: path.into() });
            }
        }
        Ok(pins)
    }
}

/// Loads the programs on the maps that are pinned, or on maps that are pinned from then on.
pub(super) fn load(object: &[u8], pins: &Pins) -> Result<Loaded, KernelError> {
    let offsets = btf::offsets();
    match load_with(object, pins, &offsets) {
        Ok(programs) => Loaded::new(programs, &offsets),
        // A kernel in lockdown refuses programs that read its memory: do without those facts.
        Err(error @ KernelError::Load { .. }) => {
            let offsets = btf::unknown();
            let programs = load_with(object, pins, &offsets)?;
            tracing::warn!(error = %error, "start times and executables of processes are unknown");
            Loaded::new(programs, &offsets)
        }
        Err(error) => Err(error),
    }
}

fn load_with(object: &[u8], pins: &Pins, offsets: &Offsets) -> Result<Ebpf, KernelError> {
    let mut loader = EbpfLoader::new();
    for name in MAPS {
        loader.map_pin_path(name, pins.maps.join(name));
    }
    for (name, offset) in offsets {
        loader.override_global(name, offset, true);
    }
    let mut programs = loader.load(object).map_err(KernelError::Object)?;
    for (name, program) in programs.programs_mut() {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the object has only these five types"
        )]
        let result = match program {
            Program::CgroupSockAddr(program) => program.load(),
            Program::CgroupSock(program) => program.load(),
            Program::CgroupSkb(program) => program.load(),
            Program::SockOps(program) => program.load(),
            Program::RawTracePoint(program) => program.load(),
            _ => {
                return Err(KernelError::Incomplete {
                    name: name.to_owned(),
                });
            }
        };
        result.map_err(|source| KernelError::Load {
            program: name.to_owned(),
            source,
        })?;
    }
    Ok(programs)
}

impl Loaded {
    fn new(mut programs: Ebpf, offsets: &Offsets) -> Result<Self, KernelError> {
        let counters = programs
            .take_map(map::COUNTERS)
            .ok_or_else(|| incomplete(map::COUNTERS))?;
        Ok(Self {
            flows: table(&mut programs, map::FLOWS)?,
            scopes: table(&mut programs, map::SCOPES)?,
            scope_paths: table(&mut programs, map::SCOPE_PATHS)?,
            knows_cgroups: btf::describe_cgroups(offsets),
            listeners: table(&mut programs, map::LISTENERS)?,
            ports: table(&mut programs, map::PORTS)?,
            addresses: table(&mut programs, map::ADDRESSES)?,
            exempt: table(&mut programs, map::EXEMPT)?,
            counters: PerCpuArray::try_from(counters)
                .map_err(|source| KernelError::Counters { source })?,
            programs,
        })
    }
}

fn table<K: aya::Pod, V: aya::Pod>(
    programs: &mut Ebpf,
    name: &'static str,
) -> Result<Table<K, V>, KernelError> {
    let (Some(Map::HashMap(data)) | Some(Map::Array(data))) = programs.take_map(name) else {
        return Err(incomplete(name));
    };
    Table::new(data).ok_or(KernelError::PinnedLayout { name })
}

fn incomplete(name: &str) -> KernelError {
    KernelError::Incomplete {
        name: name.to_owned(),
    }
}

/// Whether a directory is named as [`Pins::at`] names them.
pub(super) fn is_version(name: &OsStr) -> bool {
    let digits = name.to_str().and_then(|name| name.strip_prefix('v'));
    digits.is_some_and(|digits| digits.parse::<u32>().is_ok())
}

/// Removes a directory of pins with all that is in it.
pub(super) fn remove_pins(directory: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        fs::remove_file(entry?.path())?;
    }
    fs::remove_dir(directory)
}
