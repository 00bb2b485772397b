// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// split_stack_x86_64.S: the symbols besides __morestack that split code may refer to.
    .text

// void fiber_arch_call_with_room(std::size_t bytes, void (*f)(void*), void* argument): has the
// prologue of a function with a frame of `bytes`. Its caller cannot know whether f is foreign code,
// so it adds the stack for foreign code too.
    .globl  fiber_arch_call_with_room
    .hidden fiber_arch_call_with_room
    .type   fiber_arch_call_with_room, @function
    .p2align 4
fiber_arch_call_with_room:
    .cfi_startproc
    movq    %rdi, %r10
    xorl    %r11d, %r11d
    call    __morestack_non_split
    ret
    movq    %rdx, %rdi
    jmp     *%rsi
    .cfi_endproc
    .size   fiber_arch_call_with_room, . - fiber_arch_call_with_room

// The other symbols of libgcc's object with __morestack. If one were missing, the linker would take
// that object, too, and with it a second __morestack.
.macro NOTHING_TO_DO name
    .globl  \name
    .hidden \name
    .type   \name, @function
\name:
    .cfi_startproc
    xorl    %eax, %eax
    ret
    .cfi_endproc
    .size   \name, . - \name
.endm
    NOTHING_TO_DO __stack_split_initialize
    NOTHING_TO_DO __morestack_get_guard
    NOTHING_TO_DO __morestack_set_guard
    NOTHING_TO_DO __morestack_make_guard

    .globl  __morestack_large_model
    .hidden __morestack_large_model
    .type   __morestack_large_model, @function
__morestack_large_model:
    .cfi_startproc
    jmp     __morestack
    .cfi_endproc
    .size   __morestack_large_model, . - __morestack_large_model

    .section .note.GNU-stack, "", @progbits
    .section .note.GNU-split-stack, "", @progbits
    .section .note.GNU-no-split-stack, "", @progbits
