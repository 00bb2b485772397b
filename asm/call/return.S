// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// __x86_return_thunk: the code that functions with FIBER_RETURN_FROM_SWITCH (return.hpp) execute in
// place of a ret. The compiler defines its name. rcx is free: no function returns a value in it.
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
    notrack jmp *%rcx                   // notrack: with -fcf-protection, return addresses carry no endbr64
    .cfi_endproc
    .size   __x86_return_thunk, . - __x86_return_thunk

#endif
    .section .note.GNU-stack, "", @progbits
#if defined(__x86_64__)
    .section .note.GNU-split-stack, "", @progbits // else its callers would count as callers of foreign code
    .section .note.GNU-no-split-stack, "", @progbits
#endif
