// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fiber_arch_jump: jump_fcontext, without damage to the CPU's return predictor.
//
// Boost's jump is entered by call and left by jmp. Each switch then leaves one stale entry on the
// return predictor's stack, and every return between the switch and the fiber's code is
// mispredicted. Here the return address is pushed by hand, and jump_fcontext is entered by a jump,
// so that the ret below matches the caller's call. The jump goes through the GOT. It reaches a
// shared Boost without the PLT's second jump, and for a static Boost the linker makes it a direct
// jump.
    .text
    .globl  fiber_arch_jump
    .hidden fiber_arch_jump
    .type   fiber_arch_jump, @function
    .p2align 6
fiber_arch_jump:
    .cfi_startproc
    endbr64
    leaq    1f(%rip), %rax
    pushq   %rax
    .cfi_adjust_cfa_offset 8
    jmp     *jump_fcontext@GOTPCREL(%rip)
1:  .cfi_adjust_cfa_offset -8           // on the other stack, jump_fcontext has popped the pushed address
    endbr64
    ret
    .cfi_endproc
    .size   fiber_arch_jump, . - fiber_arch_jump

    .section .note.GNU-stack, "", @progbits
    .section .note.GNU-split-stack, "", @progbits  // else its callers count as callers of foreign code
    .section .note.GNU-no-split-stack, "", @progbits
