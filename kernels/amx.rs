//! AMX: eight tiles of 16 rows of 64 bytes, and one instruction that multiplies two of them.

/// Whether this processor has tiles of bf16, and the system lets this process use them.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub fn available() -> bool {
    use std::arch::x86_64::__cpuid_count;
    const AMX_BF16: u32 = 1 << 22;
    const AMX_TILE: u32 = 1 << 24;
    /// Asks the kernel for permission to use a part of the processor's state that grows the stack of
    /// signals (Linux, Documentation/arch/x86/xstate.rst).
    const ARCH_REQ_XCOMP_PERM: libc::c_int = 0x1023;
    /// The tiles' data.
    const XFEATURE_XTILEDATA: libc::c_ulong = 18;

    let features = __cpuid_count(7, 0).edx;
    if features & (AMX_BF16 | AMX_TILE) != AMX_BF16 | AMX_TILE {
        return false;
    }
    // SAFETY: the call only changes what this process may do; it fails where the system knows it not.
    let refused = unsafe {
        libc::syscall(
            libc::SYS_arch_prctl,
            ARCH_REQ_XCOMP_PERM,
            XFEATURE_XTILEDATA,
        )
    };
    refused == 0
}

#[cfg(all(target_arch = "x86_64", not(target_os = "linux")))]
pub fn available() -> bool {
    false
}
