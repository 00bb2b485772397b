// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// array_x86_64.S: the function called if a variable-length array or alloca does not fit into the
// segment. This file is not marked as split, so gold treats its callers as callers of foreign code,
// and gives them 64 KiB of stack. The function is called only for larger arrays.
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
