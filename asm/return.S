// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// __x86_return_thunk: the compiler's name for what stands in for a ret: see return.hpp. No function has a value in rcx to
// return.
#if defined(__x86_64__)
    .text
    .globl  __x86_return_thunk
    .hidden __x86_return_thunk
    .type   __x86_return_thunk, @function
    .p2align 6
__x86_return_thunk:
    .cfi_startproc
    popq    %rcx
    .cfi_adjust_cfa_offset -8
    .cfi_register rip, rcx
    notrack jmp *%rcx                   // with -fcf-protection: callers do not mark where calls come back to
    .cfi_endproc
    .size   __x86_return_thunk, . - __x86_return_thunk

#endif
    .section .note.GNU-stack, "", @progbits
#if defined(__x86_64__)
    .section .note.GNU-split-stack, "", @progbits    // or its callers would be taken for callers of foreign code
    .section .note.GNU-no-split-stack, "", @progbits
#endif
