// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// bool fiber_arch_unlock_biased(void* lock): [mutex.bias] of sync/mutex.cpp. The lock begins with three bytes: state,
// uncontended unlocks, bias. If the last one is 0, so are then the others, by one plain store: true. Else it is left as it is: false.
//
// A restartable sequence, rseq(2): if the kernel interrupts this thread between 1 and 2, because another one gets its CPU, a
// signal its handler, or membarrier is told to, then the thread goes on at 4. The descriptor is announced and never
// withdrawn: the kernel forgets it by itself, the next time it looks and finds the thread elsewhere. Another store would cost
// a fifth of lock and unlock. Hence this code must never be unmapped: what it is linked into is marked -z nodelete.
    .bss
    .globl  fiber_arch_rseq_offset
    .hidden fiber_arch_rseq_offset
    .type   fiber_arch_rseq_offset, @object
    .size   fiber_arch_rseq_offset, 8
    .p2align 3
fiber_arch_rseq_offset:                // rseq_glibc.hpp
    .zero   8

    .set    cpu_id, 4                   // of struct rseq: negative in a thread that is not registered
    .set    rseq_cs, 8                  // where the descriptor is announced

    .text
    .globl  fiber_arch_unlock_biased
    .type   fiber_arch_unlock_biased, @function
    .p2align 6
fiber_arch_unlock_biased:
    .cfi_startproc
    endbr64
    movq    fiber_arch_rseq_offset(%rip), %rax
    testq   %rax, %rax
    jz      3f
    cmpl    $0, %fs:cpu_id(%rax)
    js      3f
    leaq    5f(%rip), %rcx
    movq    %rcx, %fs:rseq_cs(%rax)
1:  cmpq    $0, fiber_arch_rseq_offset(%rip)
    je      3f
    cmpb    $0, 2(%rdi)                 // bias
    jne     3f
    movw    $0, (%rdi)                  // state and count: x86 makes each store a release
2:  movl    $1, %eax                    // the lock may be gone
    ret
3:  xorl    %eax, %eax
    ret
    .byte   0x0f, 0xb9, 0x3d            // with the signature an instruction that traps
    .long   0x53053053                  // RSEQ_SIG: the kernel goes nowhere else
4:  jmp     3b
    .cfi_endproc
    .size   fiber_arch_unlock_biased, . - fiber_arch_unlock_biased

    .section .data.rel.ro, "aw", @progbits
    .p2align 5
5:  .long   0, 0                        // struct rseq_cs: version, flags
    .quad   1b, 2b - 1b, 4b

    .section .note.GNU-stack, "", @progbits
    .section .note.GNU-split-stack, "", @progbits    // it takes no stack
    .section .note.GNU-no-split-stack, "", @progbits
