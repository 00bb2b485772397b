// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// segment.hpp: the segments by which stacks grow. They are pooled stacks of the reserved kind.
// Therefore they have a guard, which stops foreign code that needs more, and only touched pages use
// memory.
//
// A fiber owns the segments that it runs on. When a function returns, its segment goes to the
// machine, which keeps a few. The others go to the depot, where idle stacks age. A repeated call at
// the end of a segment takes and returns the machine's warmest segment each time.
#pragma once

#include "asm/segmented/growth_segmented.hpp"

#include <cstddef>

namespace fiber::rt {

// Minimum size of a pooled segment, in bytes of address space: the default size of a reserved
// stack.
inline constexpr std::size_t min_segment_size = std::size_t{256} << 10;

// Adds a segment with at least `room` bytes to the front of this OS thread's idle segments. Throws
// as stack_class::reserve and stack_class::of_size.
void add_segment(std::size_t room);

// Returns all idle segments of this OS thread to the depot.
void return_idle_segments() noexcept;

// For arch::adopt_thread_for_growth.
extern arch::segment_source const pooled_segments;

} // namespace fiber::rt
