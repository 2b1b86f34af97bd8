//! The few `bpf` system calls that aya does not offer, each behind a safe function.
//!
//! Map operations go straight to the kernel because they are atomic there: a map that many tasks use
//! needs no lock around it.

use std::ffi::CString;
use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use aya::Pod;
use aya::maps::MapData;

const BPF_MAP_LOOKUP_ELEM: libc::c_long = 1;
const BPF_MAP_UPDATE_ELEM: libc::c_long = 2;
const BPF_MAP_DELETE_ELEM: libc::c_long = 3;
const BPF_MAP_GET_NEXT_KEY: libc::c_long = 4;
const BPF_OBJ_PIN: libc::c_long = 6;
const BPF_OBJ_GET: libc::c_long = 7;
const BPF_OBJ_GET_INFO_BY_FD: libc::c_long = 15;
const BPF_RAW_TRACEPOINT_OPEN: libc::c_long = 17;
const BPF_MAP_LOOKUP_AND_DELETE_ELEM: libc::c_long = 21;
const BPF_LINK_CREATE: libc::c_long = 28;
const BPF_LINK_UPDATE: libc::c_long = 29;

/// A hash map of the kernel with the types of its keys and values.
pub(super) struct Table<K, V> {
    map: MapData,
    types: PhantomData<fn(K) -> V>,
}

impl<K: Pod, V: Pod> Table<K, V> {
    /// Takes a map; `None` when its layout is not that of the types.
    pub(super) fn new(map: MapData) -> Option<Self> {
        let info = map.info().ok()?;
        let is_same = usize::try_from(info.key_size()) == Ok(size_of::<K>())
            && usize::try_from(info.value_size()) == Ok(size_of::<V>());
        is_same.then_some(Self {
            map,
            types: PhantomData,
        })
    }

    pub(super) fn insert(&self, key: &K, value: &V) -> io::Result<()> {
        let mut element = Element {
            key: address(key),
            value: address(value),
            ..Element::new(self.fd())
        };
        // SAFETY: the kernel reads a key and a value of the sizes that `new` compared.
        unsafe { bpf(BPF_MAP_UPDATE_ELEM, &mut element) }.map(drop)
    }

    pub(super) fn contains(&self, key: &K) -> io::Result<bool> {
        let mut value = MaybeUninit::<V>::zeroed();
        let mut element = Element {
            key: address(key),
            value: value.as_mut_ptr().expose_provenance() as u64,
            ..Element::new(self.fd())
        };
        // SAFETY: the kernel reads a key and writes a value of the sizes that `new` compared.
        match unsafe { bpf(BPF_MAP_LOOKUP_ELEM, &mut element) } {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes an entry, if it is there.
    pub(super) fn remove(&self, key: &K) -> io::Result<()> {
        let mut element = Element {
            key: address(key),
            ..Element::new(self.fd())
        };
        // SAFETY: the kernel reads a key of the size that `new` compared.
        match unsafe { bpf(BPF_MAP_DELETE_ELEM, &mut element) } {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Looks up and removes in one step: of two callers only one gets the value.
    pub(super) fn take(&self, key: &K) -> io::Result<Option<V>> {
        let mut value = MaybeUninit::<V>::zeroed();
        let mut element = Element {
            key: address(key),
            value: value.as_mut_ptr().expose_provenance() as u64,
            ..Element::new(self.fd())
        };
        // SAFETY: the kernel reads a key and writes a value of the sizes that `new` compared.
        match unsafe { bpf(BPF_MAP_LOOKUP_AND_DELETE_ELEM, &mut element) } {
            // SAFETY: zeroed before and written by the kernel, and every bit pattern of a Pod is valid.
            Ok(_) => Ok(Some(unsafe { value.assume_init() })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The keys, at most as many as the limit; a map that changes meanwhile may show one twice.
    pub(super) fn keys(&self, limit: usize) -> io::Result<Vec<K>> {
        let mut keys: Vec<K> = Vec::new();
        while keys.len() < limit {
            let mut next = MaybeUninit::<K>::zeroed();
            let mut element = Element {
                key: keys.last().map_or(0, address),
                value: next.as_mut_ptr().expose_provenance() as u64,
                ..Element::new(self.fd())
            };
            // SAFETY: the kernel reads a key or nothing, and writes one of the size `new` compared.
            match unsafe { bpf(BPF_MAP_GET_NEXT_KEY, &mut element) } {
                // SAFETY: as in `take`.
                Ok(_) => keys.push(unsafe { next.assume_init() }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(error) => return Err(error),
            }
        }
        Ok(keys)
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.map.fd().as_fd()
    }
}

/// Attaches a program to a cgroup.
///
/// Links of one hook add up, so no flag is needed for other people's programs to stay.
pub(super) fn link_create(
    program: BorrowedFd<'_>,
    cgroup: BorrowedFd<'_>,
    attach_type: u32,
) -> io::Result<OwnedFd> {
    let mut attributes = LinkCreate {
        program: raw(program),
        target: raw(cgroup),
        attach_type,
        flags: 0,
    };
    // SAFETY: no pointers.
    let fd = unsafe { bpf(BPF_LINK_CREATE, &mut attributes) }?;
    // SAFETY: the kernel returned a descriptor that nobody else has.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Attaches a program to a tracepoint of the whole kernel, until the link is closed.
pub(super) fn tracepoint_open(program: BorrowedFd<'_>, name: &str) -> io::Result<OwnedFd> {
    let name = CString::new(name).map_err(io::Error::from)?;
    let mut attributes = RawTracepoint {
        name: name.as_ptr().expose_provenance() as u64,
        program: raw(program),
        padding: 0,
    };
    // SAFETY: the name ends with a zero byte and lives until the call returns.
    let fd = unsafe { bpf(BPF_RAW_TRACEPOINT_OPEN, &mut attributes) }?;
    // SAFETY: the kernel returned a descriptor that nobody else has.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Replaces the program of a link, with no moment between.
pub(super) fn link_update(link: BorrowedFd<'_>, program: BorrowedFd<'_>) -> io::Result<()> {
    let mut attributes = LinkUpdate {
        link: raw(link),
        program: raw(program),
        flags: 0,
        old_program: 0,
    };
    // SAFETY: no pointers.
    unsafe { bpf(BPF_LINK_UPDATE, &mut attributes) }.map(drop)
}

/// The id of the cgroup that a link is attached to; 0 once that cgroup is gone.
pub(super) fn link_cgroup(link: BorrowedFd<'_>) -> io::Result<u64> {
    let mut info = LinkInfo::default();
    let mut attributes = GetInfo {
        fd: raw(link),
        // The size of a struct of a few words.
        info_bytes: u32::try_from(size_of::<LinkInfo>()).unwrap_or_default(),
        info: (&raw mut info).expose_provenance() as u64,
    };
    // SAFETY: the kernel writes at most `info_bytes`.
    unsafe { bpf(BPF_OBJ_GET_INFO_BY_FD, &mut attributes) }?;
    Ok(info.cgroup_id)
}

pub(super) fn pin(object: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let path = c_path(path)?;
    let mut attributes = Object {
        path: path.as_ptr().expose_provenance() as u64,
        fd: raw(object),
        flags: 0,
    };
    // SAFETY: the path ends with a zero byte and lives until the call returns.
    unsafe { bpf(BPF_OBJ_PIN, &mut attributes) }.map(drop)
}

pub(super) fn open_pinned(path: &Path) -> io::Result<OwnedFd> {
    let path = c_path(path)?;
    let mut attributes = Object {
        path: path.as_ptr().expose_provenance() as u64,
        fd: 0,
        flags: 0,
    };
    // SAFETY: the path ends with a zero byte and lives until the call returns.
    let fd = unsafe { bpf(BPF_OBJ_GET, &mut attributes) }?;
    // SAFETY: the kernel returned a descriptor that nobody else has.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[repr(C)]
struct Element {
    map: u32,
    padding: u32,
    key: u64,
    /// Or where the next key goes.
    value: u64,
    flags: u64,
}

impl Element {
    fn new(map: BorrowedFd<'_>) -> Self {
        Self {
            map: raw(map),
            padding: 0,
            key: 0,
            value: 0,
            flags: 0,
        }
    }
}

#[repr(C)]
struct LinkCreate {
    program: u32,
    target: u32,
    attach_type: u32,
    flags: u32,
}

#[repr(C)]
struct RawTracepoint {
    name: u64,
    program: u32,
    padding: u32,
}

#[repr(C)]
struct LinkUpdate {
    link: u32,
    program: u32,
    flags: u32,
    old_program: u32,
}

#[repr(C)]
struct GetInfo {
    fd: u32,
    info_bytes: u32,
    info: u64,
}

#[derive(Default)]
#[repr(C)]
struct LinkInfo {
    kind: u32,
    id: u32,
    program_id: u32,
    padding: u32,
    cgroup_id: u64,
    attach_type: u32,
    padding_end: u32,
}

#[repr(C)]
struct Object {
    path: u64,
    fd: u32,
    flags: u32,
}

/// # Safety
///
/// `attributes` has the layout of the command, and every pointer in it is valid for what the command
/// does with it. The kernel takes what a shorter struct leaves out as zero.
unsafe fn bpf<T>(command: libc::c_long, attributes: &mut T) -> io::Result<i32> {
    // SAFETY: the caller's promise; the size is that of the struct.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_mut(attributes),
            size_of::<T>(),
        )
    };
    match i32::try_from(result) {
        Ok(result) if result >= 0 => Ok(result),
        _ => Err(io::Error::last_os_error()),
    }
}

fn address<T>(value: &T) -> u64 {
    std::ptr::from_ref(value).expose_provenance() as u64
}

/// A borrowed descriptor is never negative.
fn raw(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::from)
}
