// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// calls_x86_64.S: dlopen and vfork, which depend on their caller's address and frame: loader.cpp.

#ifdef FIBER_HOOK_WRAP
#define VFORK __wrap_vfork
#else
#define VFORK vfork
#endif

        .text

#ifndef FIBER_HOOK_WRAP
// void* dlopen(char const* name, int flags)
        .globl  dlopen
        .type   dlopen, @function
dlopen:
        .cfi_startproc
        pushq   %rdi
        .cfi_adjust_cfa_offset 8
        pushq   %rsi
        .cfi_adjust_cfa_offset 8
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        leaq    24(%rsp), %rdi          // the address of the return address
        movq    (%rdi), %rsi
        call    fiber_hook_enter_dlopen
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        popq    %rsi
        .cfi_adjust_cfa_offset -8
        popq    %rdi
        .cfi_adjust_cfa_offset -8
        jmp     *%rax                   // dlopen sees the caller's return address
        .cfi_endproc
        .size   dlopen, . - dlopen
#endif

// pid_t vfork()
        .globl  VFORK
        .type   VFORK, @function
VFORK:
        .cfi_startproc
        movq    (%rsp), %rdi
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        call    fiber_hook_enter_vfork
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        testb   %al, %al
        jz      .Lplain
#ifndef FIBER_HOOK_WRAP
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        call    fiber_hook_real_vfork
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
#endif
        addq    $8, %rsp                // the return address is in the record
        .cfi_adjust_cfa_offset -8
#ifdef FIBER_HOOK_WRAP
        call    __real_vfork
#else
        call    *%rax
#endif
        // The child comes first. Its frames overwrite what is below %rsp, so the parent finds nothing there.
        pushq   %rax
        .cfi_adjust_cfa_offset 8
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        movl    %eax, %edi
        call    fiber_hook_leave_vfork
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        movq    %rax, %rdx
        popq    %rax
        .cfi_adjust_cfa_offset -8
        jmp     *%rdx
        .cfi_adjust_cfa_offset 8
.Lplain:
#ifdef FIBER_HOOK_WRAP
        jmp     __real_vfork
#else
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        call    fiber_hook_real_vfork
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        jmp     *%rax
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

        .section .note.GNU-stack, "", @progbits
