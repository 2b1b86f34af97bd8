//! Facts of the calling process that no helper gives, read at offsets which the loader takes from the
//! kernel's type information. What is not known stays 0.

use core::ptr::{addr_of, read_volatile};

use agent_ebpf::{Flow, OFFSET_UNKNOWN};
use aya_ebpf::helpers::generated::{
    bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_get_current_task, bpf_get_current_uid_gid,
    bpf_probe_read_kernel,
};

#[unsafe(no_mangle)]
static TASK_GROUP_LEADER: u32 = OFFSET_UNKNOWN;
#[unsafe(no_mangle)]
static TASK_START_BOOTTIME: u32 = OFFSET_UNKNOWN;
#[unsafe(no_mangle)]
static TASK_MM: u32 = OFFSET_UNKNOWN;
#[unsafe(no_mangle)]
static MM_EXE_FILE: u32 = OFFSET_UNKNOWN;
#[unsafe(no_mangle)]
static FILE_INODE: u32 = OFFSET_UNKNOWN;
#[unsafe(no_mangle)]
static INODE_NUMBER: u32 = OFFSET_UNKNOWN;
#[unsafe(no_mangle)]
static INODE_SUPER_BLOCK: u32 = OFFSET_UNKNOWN;
#[unsafe(no_mangle)]
static SUPER_BLOCK_DEVICE: u32 = OFFSET_UNKNOWN;

/// Fills in who is calling.
///
/// Works on an io_uring worker too: it shares the process of the ring's owner.
///
/// # Safety
///
/// `flow` points into a map value.
#[inline(always)]
pub unsafe fn describe(flow: *mut Flow) {
    // SAFETY: the caller's promise; the helpers read the current task only.
    unsafe {
        let ids = bpf_get_current_pid_tgid();
        (*flow).tgid = (ids >> 32) as u32;
        (*flow).pid = ids as u32;
        let owners = bpf_get_current_uid_gid();
        (*flow).gid = (owners >> 32) as u32;
        (*flow).uid = owners as u32;
        bpf_get_current_comm(addr_of!((*flow).comm).cast_mut().cast(), 16);

        let task = bpf_get_current_task();
        let leader = pointer(task, addr_of!(TASK_GROUP_LEADER));
        (*flow).start_time_ns = field::<u64>(leader, addr_of!(TASK_START_BOOTTIME));
        let mm = pointer(task, addr_of!(TASK_MM));
        let file = pointer(mm, addr_of!(MM_EXE_FILE));
        let inode = pointer(file, addr_of!(FILE_INODE));
        (*flow).exe_inode = field::<u64>(inode, addr_of!(INODE_NUMBER));
        let super_block = pointer(inode, addr_of!(INODE_SUPER_BLOCK));
        (*flow).exe_device = field::<u32>(super_block, addr_of!(SUPER_BLOCK_DEVICE));
    }
}

#[inline(always)]
unsafe fn pointer(base: u64, offset: *const u32) -> u64 {
    // SAFETY: as for `field`.
    unsafe { field::<u64>(base, offset) }
}

/// Reads an integer at an offset that a global holds; 0 when any part of the way is unknown.
///
/// # Safety
///
/// `offset` points to one of the globals above. They are read as volatile: the compiler would
/// otherwise use what they are set to here.
#[inline(always)]
unsafe fn field<T: Default>(base: u64, offset: *const u32) -> T {
    let mut value = T::default();
    // SAFETY: the caller's promise; the helper checks every kernel address it is given.
    unsafe {
        let offset = read_volatile(offset);
        if base == 0 || offset == OFFSET_UNKNOWN {
            return value;
        }
        let source = (base + u64::from(offset)) as *const core::ffi::c_void;
        if bpf_probe_read_kernel((&raw mut value).cast(), size_of::<T>() as u32, source) != 0 {
            return T::default();
        }
    }
    value
}
