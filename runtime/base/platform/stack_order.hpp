// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stack_order.hpp: the order in which new stacks are carved, as stack_class guarantees it. stride_predictor
// guesses by it where the next stack is.
//
// [stack.order] Processors that start many fibers take new stacks stack_period at a time, or a multiple. Each
//   CPU carves its stacks from a block of adjacent slots. Inside a block, the distance from a stack to the
//   stack that comes stack_period stacks later is always the same. A block has at least min_stacks_in_block
//   stacks, unless its slab has fewer left.
#pragma once

#include <cstddef>

namespace fiber::rt {

inline constexpr std::size_t stack_period = 16;
inline constexpr std::size_t min_stacks_in_block = 64;

static_assert(min_stacks_in_block >= 4 * stack_period, "half of the guesses in a block are right");

} // namespace fiber::rt
