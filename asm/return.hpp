// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// return.hpp: how functions return that come back from another stack.
//
// Processors predict a ret from the calls that they have seen. After a switch those are of the flow that was left: where
// the one that is resumed goes back to another place, a ret costs some 10 ns. A jump to the return address is predicted
// from what was executed before it instead, like any indirect jump.
//
// For each function between a switch and the fiber's own code, since a ret after such a jump answers a call of the flow that
// was left. And for no function that mostly returns without a switch: of its call the prediction would stay behind, and put
// the returns of all its callers out of step. The attribute is lost where a compiler puts the function in line: hence
// gnu::noinline beside it if there is a caller in the same file that may return otherwise.
#pragma once

#if defined(__x86_64__) && !defined(__code_model_large__) && defined(__has_cpp_attribute)
#if __has_cpp_attribute(gnu::function_return)
#define FIBER_RETURN_FROM_SWITCH [[gnu::function_return("thunk-extern")]] // return.S
#endif
#endif
#if !defined(FIBER_RETURN_FROM_SWITCH)
#define FIBER_RETURN_FROM_SWITCH
#endif
