// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// script.S: puts the script for gdb into each program and library that has the runtime. gdb reads it from
// this section: 4 says that its text follows, after a line with a name. It is a file of assembly because
// link-time optimisation does not keep the folder of .incbin.
    .section .debug_gdb_scripts, "MS", %progbits, 1
    .byte   4
    .ascii  "fiber-gdb.py\n"
    .incbin "fiber-gdb.py"
    .byte   0

// debug_layout.cpp refers to this symbol, so that the linker takes this file out of an archive.
    .section .rodata
    .globl  fiber_debug_script
    .hidden fiber_debug_script
    .type   fiber_debug_script, %object
fiber_debug_script:
    .byte   0
    .size   fiber_debug_script, . - fiber_debug_script

    .section .note.GNU-stack, "", %progbits
