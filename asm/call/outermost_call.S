// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fiber_arch_outermost_call(body): calls body(), which never returns. Exceptions stop here: see
// outermost_call.hpp.
    .text
    .globl  fiber_arch_outermost_call
    .hidden fiber_arch_outermost_call
    .type   fiber_arch_outermost_call, %function
    .p2align 6
fiber_arch_outermost_call:
    .cfi_startproc
    .cfi_personality 0x1b, fiber_arch_unwind_outermost_call // pc-relative, 4 bytes
#if defined(__x86_64__)
    endbr64
    pushq   %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset rbp, -16
    movq    %rsp, %rbp
    .cfi_def_cfa_register rbp
    callq   *%rdi
    ud2
#elif defined(__aarch64__)
    hint    #34                         // bti c
    stp     x29, x30, [sp, #-16]!
    .cfi_def_cfa_offset 16
    .cfi_offset x29, -16
    .cfi_offset x30, -8
    mov     x29, sp
    blr     x0
    brk     #0
#else
#error "fiber: outermost_call.S knows x86-64 and aarch64"
#endif
    .cfi_endproc
    .size   fiber_arch_outermost_call, . - fiber_arch_outermost_call

    .section .note.GNU-stack, "", %progbits
#if defined(__x86_64__)
    .section .note.GNU-split-stack, "", @progbits  // else its callers count as callers of foreign code
    .section .note.GNU-no-split-stack, "", @progbits
#endif
