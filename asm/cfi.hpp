// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// cfi.hpp: directives for unwinders, for use in inline assembly. Empty where the compiler writes none itself:
// they would stand outside of any frame description.
#pragma once

#if defined(__x86_64__)
#define FIBER_RETURN_ADDRESS "rip"
#elif defined(__aarch64__)
#define FIBER_RETURN_ADDRESS "x30"
#endif

#if defined(__GCC_HAVE_DWARF2_CFI_ASM) && defined(FIBER_RETURN_ADDRESS)
// From here on the frame has no caller.
#define FIBER_CFI_OUTERMOST ".cfi_undefined " FIBER_RETURN_ADDRESS "\n\t"
// The same for the few instructions until the end: stack and frame pointer are of two stacks.
#define FIBER_CFI_BETWEEN_STACKS ".cfi_remember_state\n\t" FIBER_CFI_OUTERMOST
#define FIBER_CFI_BETWEEN_STACKS_END ".cfi_restore_state\n\t"
#else
#define FIBER_CFI_OUTERMOST ""
#define FIBER_CFI_BETWEEN_STACKS ""
#define FIBER_CFI_BETWEEN_STACKS_END ""
#endif
