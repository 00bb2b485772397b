// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// calls_aarch64.S: dlopen and vfork, which depend on their caller's address and frame: loader.cpp.

#ifdef FIBER_HOOK_WRAP
#define VFORK __wrap_vfork
#else
#define VFORK vfork
#endif

        .text

#ifndef FIBER_HOOK_WRAP
// void* dlopen(char const* name, int flags)
        .globl  dlopen
        .type   dlopen, %function
dlopen:
        .cfi_startproc
        stp     x29, x30, [sp, #-32]!
        .cfi_def_cfa_offset 32
        .cfi_offset x29, -32
        .cfi_offset x30, -24
        stp     x0, x1, [sp, #16]
        add     x0, sp, #32
        mov     x1, x30
        bl      fiber_hook_enter_dlopen
        mov     x16, x0
        ldp     x0, x1, [sp, #16]
        ldp     x29, x30, [sp], #32
        .cfi_restore x29
        .cfi_restore x30
        .cfi_def_cfa_offset 0
        br      x16                     // dlopen sees the caller's return address
        .cfi_endproc
        .size   dlopen, . - dlopen
#endif

// pid_t vfork()
        .globl  VFORK
        .type   VFORK, %function
VFORK:
        .cfi_startproc
        stp     x29, x30, [sp, #-16]!
        .cfi_def_cfa_offset 16
        .cfi_offset x29, -16
        .cfi_offset x30, -8
        mov     x0, x30
        bl      fiber_hook_enter_vfork
        tbz     w0, #0, .Lplain
#ifndef FIBER_HOOK_WRAP
        bl      fiber_hook_real_vfork
        mov     x16, x0
#endif
        ldp     x29, x30, [sp], #16
        .cfi_restore x29
        .cfi_def_cfa_offset 0
#ifdef FIBER_HOOK_WRAP
        bl      __real_vfork
#else
        blr     x16
#endif
        // The child comes first. Its frames overwrite what is below sp, so the parent finds nothing there.
        stp     x29, x0, [sp, #-16]!
        .cfi_def_cfa_offset 16
        bl      fiber_hook_leave_vfork
        mov     x30, x0
        ldp     x29, x0, [sp], #16
        .cfi_def_cfa_offset 0
        ret
.Lplain:
        .cfi_def_cfa_offset 16
#ifdef FIBER_HOOK_WRAP
        ldp     x29, x30, [sp], #16
        .cfi_def_cfa_offset 0
        b       __real_vfork
#else
        bl      fiber_hook_real_vfork
        mov     x16, x0
        ldp     x29, x30, [sp], #16
        .cfi_def_cfa_offset 0
        br      x16
#endif
        .cfi_endproc
        .size   VFORK, . - VFORK

#ifndef FIBER_HOOK_WRAP
        .globl  fiber_hook_part_calls   // FIBER_HOOK_PART
        .hidden fiber_hook_part_calls
        .section .rodata
fiber_hook_part_calls:
        .byte   0
#endif

        .section .note.GNU-stack, "", %progbits
