// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// return.hpp: FIBER_RETURN_FROM_SWITCH, the attribute of functions that return after a switch.
//
// CPUs predict a ret from the calls that they have executed. After a switch, these are the calls of
// the flow that was suspended. If the resumed flow returns to another place, each ret is
// mispredicted. The attribute makes the function return with an indirect jump, which is predicted
// from the branches before it.
//
// Every function between a switch and the fiber's own code needs the attribute. A ret after such a
// jump would pop the prediction of a call that the suspended flow has made.
//
// A function that mostly returns without a switch must not have it. The prediction of its call
// would remain on the CPU's return stack, and all its callers' returns would be mispredicted.
//
// The attribute is lost where a compiler inlines the function. Add gnu::noinline if a caller in the
// same file may return without a switch. Benchmark: ping_pong, select.
#pragma once

#if defined(__x86_64__) && !defined(__code_model_large__) && defined(__has_cpp_attribute)
#if __has_cpp_attribute(gnu::function_return)
#define FIBER_RETURN_FROM_SWITCH [[gnu::function_return("thunk-extern")]] // return.S
#endif
#endif
#if !defined(FIBER_RETURN_FROM_SWITCH)
#define FIBER_RETURN_FROM_SWITCH
#endif
