//! The cgroup that a tracepoint tells of.

use core::ptr::{addr_of, read_volatile};

use agent_ebpf::OFFSET_UNKNOWN;
use aya_ebpf::programs::RawTracePointContext;

use crate::memory::{field, pointer};

#[unsafe(no_mangle)]
static CGROUP_NODE: u32 = OFFSET_UNKNOWN;
#[unsafe(no_mangle)]
static CGROUP_ROOT: u32 = OFFSET_UNKNOWN;
#[unsafe(no_mangle)]
static NODE_ID: u32 = OFFSET_UNKNOWN;
#[unsafe(no_mangle)]
static ROOT_HIERARCHY: u32 = OFFSET_UNKNOWN;

/// The number of the v2 hierarchy; those of cgroup v1 count from 1.
const HIERARCHY_V2: u32 = 0;

/// The id of the cgroup, which is the tracepoint's first argument; `None` for one of cgroup v1.
///
/// Every hierarchy numbers its cgroups from 1, so an id of another would be taken for one of ours.
#[inline(always)]
pub fn id(context: &RawTracePointContext) -> Option<u64> {
    // SAFETY: constants of the loader. Known before anything is read, so that a kernel that does not
    // let programs read its memory takes this one, with nothing behind the return.
    let is_known = unsafe {
        read_volatile(addr_of!(CGROUP_NODE)) != OFFSET_UNKNOWN
            && read_volatile(addr_of!(CGROUP_ROOT)) != OFFSET_UNKNOWN
            && read_volatile(addr_of!(NODE_ID)) != OFFSET_UNKNOWN
            && read_volatile(addr_of!(ROOT_HIERARCHY)) != OFFSET_UNKNOWN
    };
    if !is_known {
        return None;
    }
    let cgroup: u64 = context.arg(0);
    // SAFETY: the globals above.
    unsafe {
        let root = pointer(cgroup, addr_of!(CGROUP_ROOT));
        if field::<u32>(root, addr_of!(ROOT_HIERARCHY)) != HIERARCHY_V2 {
            return None;
        }
        let node = pointer(cgroup, addr_of!(CGROUP_NODE));
        let id = field::<u64>(node, addr_of!(NODE_ID));
        if id == 0 { None } else { Some(id) }
    }
}
