// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fiber_arch_call_on_stack(top, body, argument): calls body(argument) on the stack that ends at
// top, and returns on the caller's. The frame pointer links the two stacks, also for the unwinder:
// exceptions pass.
    .text
    .globl  fiber_arch_call_on_stack
    .hidden fiber_arch_call_on_stack
    .type   fiber_arch_call_on_stack, %function
    .p2align 4
fiber_arch_call_on_stack:
    .cfi_startproc
#if defined(__x86_64__)
    endbr64
    pushq   %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset rbp, -16
    movq    %rsp, %rbp
    .cfi_def_cfa_register rbp
    andq    $-16, %rdi
    movq    %rdi, %rsp
    movq    %rdx, %rdi
    callq   *%rsi
    movq    %rbp, %rsp
    popq    %rbp
    .cfi_def_cfa rsp, 8
    ret
#elif defined(__aarch64__)
    hint    #34                     // bti c
    stp     x29, x30, [sp, #-16]!
    .cfi_def_cfa_offset 16
    .cfi_offset x29, -16
    .cfi_offset x30, -8
    mov     x29, sp
    .cfi_def_cfa_register x29
    and     x9, x0, #-16
    mov     sp, x9
    mov     x0, x2
    blr     x1
    mov     sp, x29
    .cfi_def_cfa_register sp
    ldp     x29, x30, [sp], #16
    .cfi_def_cfa_offset 0
    .cfi_restore x29
    .cfi_restore x30
    ret
#else
#error "fiber: call_on_stack.S knows x86-64 and aarch64"
#endif
    .cfi_endproc
    .size   fiber_arch_call_on_stack, . - fiber_arch_call_on_stack

    .section .note.GNU-stack, "", %progbits
