// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fiber_arch_walk_suspended(flow, walk, argument): calls walk(argument). During the call, the frame
// description says that the caller's registers are those in *flow: [walk]. Each rule is an expression in
// DWARF: the address flow + n, or for the canonical frame address, the value that is there.
    .text
    .globl  fiber_arch_walk_suspended
    .hidden fiber_arch_walk_suspended
    .type   fiber_arch_walk_suspended, %function
    .p2align 4
fiber_arch_walk_suspended:
    .cfi_startproc
#if defined(__x86_64__)
    endbr64
    pushq   %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_offset rbx, -16
    movq    %rdi, %rbx
    movq    %rdx, %rdi
    .cfi_remember_state
    .cfi_escape 0x0f, 3, 0x73, 56, 0x06                 // the frame address: sp
    .cfi_escape 0x10, 3, 2, 0x73, 0                     // rbx
    .cfi_escape 0x10, 6, 2, 0x73, 8                     // rbp
    .cfi_escape 0x10, 12, 2, 0x73, 16                   // r12 to r15
    .cfi_escape 0x10, 13, 2, 0x73, 24
    .cfi_escape 0x10, 14, 2, 0x73, 32
    .cfi_escape 0x10, 15, 2, 0x73, 40
    .cfi_escape 0x10, 16, 2, 0x73, 48                   // the return address: pc
    callq   *%rsi
    .cfi_restore_state
    popq    %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbx
    ret
#elif defined(__aarch64__)
    hint    #34                     // bti c
    stp     x29, x30, [sp, #-32]!
    .cfi_def_cfa_offset 32
    .cfi_offset x29, -32
    .cfi_offset x30, -24
    str     x19, [sp, #16]
    .cfi_offset x19, -16
    mov     x19, x0
    mov     x0, x2
    .cfi_remember_state
    .cfi_escape 0x0f, 4, 0x83, 0xe0, 0x00, 0x06         // the frame address: sp, at 96
    .cfi_escape 0x10, 19, 2, 0x83, 0                    // x19 to x28
    .cfi_escape 0x10, 20, 2, 0x83, 8
    .cfi_escape 0x10, 21, 2, 0x83, 16
    .cfi_escape 0x10, 22, 2, 0x83, 24
    .cfi_escape 0x10, 23, 2, 0x83, 32
    .cfi_escape 0x10, 24, 2, 0x83, 40
    .cfi_escape 0x10, 25, 2, 0x83, 48
    .cfi_escape 0x10, 26, 2, 0x83, 56
    .cfi_escape 0x10, 27, 3, 0x83, 0xc0, 0x00
    .cfi_escape 0x10, 28, 3, 0x83, 0xc8, 0x00
    .cfi_escape 0x10, 29, 3, 0x83, 0xd0, 0x00           // x29
    .cfi_escape 0x10, 30, 3, 0x83, 0xd8, 0x00           // the return address: pc
    blr     x1
    .cfi_restore_state
    ldr     x19, [sp, #16]
    ldp     x29, x30, [sp], #32
    .cfi_def_cfa_offset 0
    .cfi_restore x19
    .cfi_restore x29
    .cfi_restore x30
    ret
#else
#error "fiber: walk.S knows x86-64 and aarch64"
#endif
    .cfi_endproc
    .size   fiber_arch_walk_suspended, . - fiber_arch_walk_suspended

    .section .note.GNU-stack, "", %progbits
    .section .note.GNU-split-stack, "", %progbits   // else its callers count as callers of foreign code
    .section .note.GNU-no-split-stack, "", %progbits
