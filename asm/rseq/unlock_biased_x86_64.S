// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// bool fiber_arch_unlock_biased(void* lock): the unlock of a biased mutex, [mutex.bias] of
// sync/unlock_bias.cpp. The lock begins with three bytes: state, uncontended unlocks, rounds
// unbiased. If the last one is 0, one plain store sets the first two to 0, and the function returns
// true. Otherwise it changes nothing and returns false.
//
// It is a restartable sequence, rseq(2). Three events interrupt it between labels 1 and 2: another
// thread takes the CPU, a signal handler runs, or membarrier asks for a restart. The thread then
// continues at label 4.
//
// The descriptor is announced and never withdrawn, because another store would slow down each
// unlock. The kernel clears it when it next finds the thread outside of the sequence. The kernel
// may therefore read the descriptor after the call, so this code must never be unmapped: its binary
// is linked with -z nodelete.
    .bss
    .globl  fiber_arch_rseq_offset
    .hidden fiber_arch_rseq_offset
    .type   fiber_arch_rseq_offset, @object
    .size   fiber_arch_rseq_offset, 8
    .p2align 3
fiber_arch_rseq_offset:                // declared in rseq_glibc.hpp
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
    cmpb    $0, 2(%rdi)                 // rounds unbiased
    jne     3f
    movw    $0, (%rdi)                  // state and count: x86 makes each store a release
2:  movl    $1, %eax                    // the lock may be destroyed already
    ret
3:  xorl    %eax, %eax
    ret
    .byte   0x0f, 0xb9, 0x3d            // with the signature below, an instruction that traps
    .long   0x53053053                  // RSEQ_SIG: the kernel only continues behind this signature
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
