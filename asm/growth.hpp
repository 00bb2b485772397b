// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// growth.hpp: whether stacks grow by segments, which is a matter of how all code here is compiled: FIBER_SEGMENTED.
// Both kinds have
//   growth_state       what of it a suspended flow of control has. The default: an OS thread's own stack
//     attach(bottom)   the flow begins on the stack that ends there
//     start_switch(to)    last thing before the switch: prologues look at the other stack's end from here on
//   interrupted_segment()   in a handler of signals: the one taken that the interrupted code stands on, if it does
//   FIBER_NO_SPLIT     for functions that run meanwhile: without such a prologue
#pragma once

#if defined(FIBER_SEGMENTED)
#include "asm/growth_segmented.hpp"
#else
#include "asm/growth_none.hpp"
#endif
