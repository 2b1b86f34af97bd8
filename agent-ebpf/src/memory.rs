//! Reads kernel memory at offsets which the loader takes from the kernel's type information.

use core::ffi::c_void;
use core::ptr::read_volatile;

use agent_ebpf::OFFSET_UNKNOWN;
use aya_ebpf::helpers::generated::bpf_probe_read_kernel;

/// Follows a pointer; 0 when any part of the way is unknown.
///
/// # Safety
///
/// As for [`field`].
#[inline(always)]
pub unsafe fn pointer(base: u64, offset: *const u32) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { field::<u64>(base, offset) }
}

/// Reads an integer at an offset that a global holds; 0 when any part of the way is unknown.
///
/// # Safety
///
/// `offset` points to one of the globals that the loader fills. They are read as volatile: the
/// compiler would otherwise use what they are set to in the source.
#[inline(always)]
pub unsafe fn field<T: Default>(base: u64, offset: *const u32) -> T {
    let mut value = T::default();
    // SAFETY: the caller's promise; the helper checks every kernel address it is given.
    unsafe {
        let offset = read_volatile(offset);
        if base == 0 || offset == OFFSET_UNKNOWN {
            return value;
        }
        let source = (base + u64::from(offset)) as *const c_void;
        if bpf_probe_read_kernel((&raw mut value).cast(), size_of::<T>() as u32, source) != 0 {
            return T::default();
        }
    }
    value
}
