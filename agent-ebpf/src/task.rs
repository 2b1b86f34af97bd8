//! Facts of the calling process that no helper gives. What is not known stays 0.

use core::ptr::addr_of;

use agent_ebpf::{Flow, OFFSET_UNKNOWN};
use aya_ebpf::helpers::generated::{
    bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_get_current_task, bpf_get_current_uid_gid,
};

use crate::memory::{field, pointer};

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
