// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// array_x86_64.S: what a function calls whose variable-length array, or alloca, goes beyond the end of its segment. Not
// marked as split: so gold takes those who call it for callers of foreign code, who find room for 64 KiB, and it is
// called for larger ones only.
    .text
    .globl  __morestack_allocate_stack_space
    .hidden __morestack_allocate_stack_space
    .type   __morestack_allocate_stack_space, @function
__morestack_allocate_stack_space:
    .cfi_startproc
    jmp     fiber_arch_no_room_for_array
    .cfi_endproc
    .size   __morestack_allocate_stack_space, . - __morestack_allocate_stack_space

    .section .note.GNU-stack, "", @progbits
