// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// morestack_x86_64.S: grows a stack by a segment, and runs leaf calls on the machine's own stack.
// README.md, "A stack that grows by segments", has pictures and reasons.
//
//   %fs:0x70                limit of the current segment; 0 on an OS thread's own stack, which always has
//                           room. Compilers' prologues compare with this word, so its address is fixed
//   fiber_arch_growth       this OS thread's idle segments and the free part of the thread's own stack:
//                           growth_segmented.hpp
//
// A prologue calls with r10 = bytes of frame, r11 = bytes of arguments on the stack. The return
// address points to a ret, and the function's body begins one byte after it. All argument registers
// are live, including rax and the upper parts of vector registers.
#include "asm/segmented/morestack_x86_64.inc"

    .text

// Functions that call foreign code always come here, because the linker has rewritten their
// prologues.
    .globl  __morestack_non_split
    .hidden __morestack_non_split
    .type   __morestack_non_split, @function
    .p2align 6
__morestack_non_split:
    .cfi_startproc
    FRAME_BEGINS
    addq    $FOREIGN_ROOM, %r10
    movq    %rsp, %rax
    subq    LIMIT, %rax
    cmpq    %r10, %rax                  // signed: in a small frame rsp may be beyond the limit
    jl      .Lgrow
    testq   %r11, %r11
    jnz     2f
1:  movq    -8(%rbp), %rax
    movq    8(%rbp), %r10
    incq    %r10
    call    *%r10                       // not by ret, which would be mispredicted
    leave
    .cfi_def_cfa %rsp, 16
    .cfi_restore %rbp
    ret
    .cfi_def_cfa %rbp, 24
    .cfi_offset %rbp, -24
2:  COPY_ARGUMENTS
    jmp     1b
    .cfi_endproc
    .size   __morestack_non_split, . - __morestack_non_split

    .globl  __morestack
    .hidden __morestack
    .type   __morestack, @function
    .p2align 6
__morestack:
    .cfi_startproc
    .cfi_personality 0x9b, DW.ref.__gcc_personality_v0
    .cfi_lsda 0x1b, .Lcleanups
    FRAME_BEGINS
.Lgrow:
    pushq   LIMIT
    pushq   %rcx
    addq    %r11, %r10
.Ltake:
    GROWTH(%rax)
    movq    %fs:OWN_STACK(%rax), %rcx
    subq    %rsp, %rcx
    cmpq    %fs:OWN_STACK_SIZE(%rax), %rcx
    jb      .Lon_own_stack
    movq    %fs:IDLE(%rax), %rcx        // never null: the list ends in a segment without room
    cmpq    %r10, SEGMENT_ROOM(%rcx)
    jbe     .Lnone_fits                 // also for a frame of 0 bytes
    movq    SEGMENT_NEXT(%rcx), %r10
    movq    %r10, %fs:IDLE(%rax)
    movq    SEGMENT_LIMIT(%rcx), %r10
    movq    %r10, LIMIT
    pushq   %rcx
    movq    %rcx, %rsp
    movq    -24(%rbp), %rcx
    testq   %r11, %r11
    jnz     .Larguments
.Lbody:
    movq    -8(%rbp), %rax
    movq    8(%rbp), %r10
    incq    %r10
.Lcall_begins:
    call    *%r10
.Lcall_ends:
    .globl  fiber_arch_body_returns
    .hidden fiber_arch_body_returns
fiber_arch_body_returns:
    movq    -16(%rbp), %r10
    movq    %r10, LIMIT
    movq    -32(%rbp), %rcx
    GROWTH(%r11)
    PUT_IDLE
    cmpq    $MAX_IDLE, %r10
    ja      .Ltoo_many
.Lback:
    leave
    .cfi_remember_state
    .cfi_def_cfa %rsp, 16
    .cfi_restore %rbp
    ret
    .cfi_restore_state

.Larguments:
    COPY_ARGUMENTS
    jmp     .Lbody

// Runs below a leaf call that has called back, for example into a new handler. The limit belongs to
// another stack, and there is room.
.Lon_own_stack:
    movq    -24(%rbp), %rcx
    testq   %r11, %r11
    jz      3f
    COPY_ARGUMENTS
3:  movq    -8(%rbp), %rax
    movq    8(%rbp), %r10
    incq    %r10
    call    *%r10
    jmp     .Lback

// An exception passes. Its unwinding continues here, on the segment that it leaves: it needs
// kilobytes, and none of its code asks for a segment.
.Lunwinding:
    movq    -16(%rbp), %r10
    movq    %r10, LIMIT
    movq    -32(%rbp), %rcx
    GROWTH(%r11)
    PUT_IDLE
    movq    %rax, %rdi
    call    _Unwind_Resume@PLT
    hlt

.Lnone_fits:
    pushq   %r11                        // rbp - 32
    pushq   %r10                        // rbp - 40
    pushq   %rdi
    pushq   %rsi
    pushq   %rdx
    pushq   %r8
    pushq   %r9                         // rbp - 80
    movq    %fs:OWN_STACK(%rax), %rsp
    movq    $0, LIMIT
    SAVE_VECTORS
    movq    -40(%rbp), %rdi
    call    fiber_arch_more_segments
    RESTORE_VECTORS
    movq    -16(%rbp), %rax
    movq    %rax, LIMIT
    leaq    -80(%rbp), %rsp
    popq    %r9
    popq    %r8
    popq    %rdx
    popq    %rsi
    popq    %rdi
    popq    %r10
    popq    %r11
    jmp     .Ltake

// The function's result may be in rax, rdx, vector registers and x87 registers.
.Ltoo_many:
    movq    %rdx, -24(%rbp)
    movq    %rax, -8(%rbp)
    movq    %fs:OWN_STACK(%r11), %rsp
    movq    $0, LIMIT
    SAVE_VECTORS
    call    fiber_arch_fewer_segments
    RESTORE_VECTORS
    movq    -16(%rbp), %rax
    movq    %rax, LIMIT
    movq    -24(%rbp), %rdx
    movq    -8(%rbp), %rax
    jmp     .Lback

// Leaf calls, from code that may be near the end of a small segment. r11: the function. The code is
// part of __morestack, because debuggers accept no other function that continues on another stack.
    .p2align 4
.Lleaf_call:
    .cfi_def_cfa %rsp, 8
    .cfi_restore %rbp
    movq    %rsp, %r10
    subq    LIMIT, %r10
    addq    $SLACK, %r10
    cmpq    $SLACK + LEAF_ROOM, %r10    // unsigned: other stacks are far away
    jae     5f
    pushq   %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq    %rsp, %rbp
    .cfi_def_cfa_register %rbp
    GROWTH(%r10)
    movq    %fs:OWN_STACK(%r10), %rsp
    call    *%r11
    leave
    .cfi_def_cfa %rsp, 8
    .cfi_restore %rbp
    ret
5:  jmp     *%r11
    .cfi_endproc
    .size   __morestack, . - __morestack

#define LEAF_CALL(name)                     \
    .globl  __wrap_##name;                  \
    .hidden __wrap_##name;                  \
    .type   __wrap_##name, @function;       \
    .p2align 4;                             \
__wrap_##name:                              \
    .cfi_startproc;                         \
    movq    __real_##name@GOTPCREL(%rip), %r11; \
    jmp     .Lleaf_call;                    \
    .cfi_endproc;                           \
    .size   __wrap_##name, . - __wrap_##name;
#include "asm/segmented/leaf_calls.def"

    .section .gcc_except_table, "a", @progbits
    .p2align 2
.Lcleanups:
    .byte   0xff                        // landing pads count from the function's begin
    .byte   0xff                        // no types
    .byte   0x01                        // call sites in ULEB128
    .uleb128 .Lsites_end - .Lsites
.Lsites:
    .uleb128 .Lcall_begins - __morestack
    .uleb128 .Lcall_ends - .Lcall_begins
    .uleb128 .Lunwinding - __morestack
    .uleb128 0                          // a cleanup
.Lsites_end:

    .hidden DW.ref.__gcc_personality_v0
    .weak   DW.ref.__gcc_personality_v0
    .section .data.rel.local.DW.ref.__gcc_personality_v0, "awG", @progbits, DW.ref.__gcc_personality_v0, comdat
    .p2align 3
    .type   DW.ref.__gcc_personality_v0, @object
    .size   DW.ref.__gcc_personality_v0, 8
DW.ref.__gcc_personality_v0:
    .quad   __gcc_personality_v0

    .section .note.GNU-stack, "", @progbits
    .section .note.GNU-split-stack, "", @progbits
    .section .note.GNU-no-split-stack, "", @progbits
