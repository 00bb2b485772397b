// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// cfi.hpp: directives for unwinders, for inline assembly. They are empty where the compiler emits
// no such directives, because they would be outside of a frame description.
#pragma once

#if defined(__x86_64__)
#define FIBER_RETURN_ADDRESS "rip"
#elif defined(__aarch64__)
#define FIBER_RETURN_ADDRESS "x30"
#endif

#if defined(__GCC_HAVE_DWARF2_CFI_ASM) && defined(FIBER_RETURN_ADDRESS)
// From here on, the frame has no caller.
#define FIBER_CFI_OUTERMOST ".cfi_undefined " FIBER_RETURN_ADDRESS "\n\t"
// The same for the instructions until the end: there, stack and frame pointer belong to two stacks.
#define FIBER_CFI_BETWEEN_STACKS ".cfi_remember_state\n\t" FIBER_CFI_OUTERMOST
#define FIBER_CFI_BETWEEN_STACKS_END ".cfi_restore_state\n\t"
#else
#define FIBER_CFI_OUTERMOST ""
#define FIBER_CFI_BETWEEN_STACKS ""
#define FIBER_CFI_BETWEEN_STACKS_END ""
#endif
