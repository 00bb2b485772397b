// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// growth.hpp: whether stacks grow by segments. FIBER_SEGMENTED selects it, for all code of the
// library. Both kinds define
//   growth_state            the part of a suspended flow of control; by default, an OS thread's own stack
//     attach(bottom)        the flow begins on the stack with the lowest address bottom
//     start_switch(to)      the last step before the switch: afterwards, prologues compare with the limit
//                           of the other stack
//   interrupted_segment()   for signal handlers: the segment that the interrupted code runs on, if any
//   FIBER_NO_SPLIT          for functions that run between start_switch and the switch: no such prologue
#pragma once

#if defined(FIBER_SEGMENTED)
#include "asm/segmented/growth_segmented.hpp"
#else
#include "asm/segmented/growth_none.hpp"
#endif
