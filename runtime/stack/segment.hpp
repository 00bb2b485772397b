// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// segment.hpp: where the segments come from by which stacks grow: they are stacks of the reserved kind, lent. So they have
// a guard, which stops foreign code that needs more than there is, and cost what has been touched of them.
//
// A fiber has the segments that it stands on. What it returns from goes to its machine, which keeps a few, and from
// there to the depot, where idle ones age. A call at the end of a segment, made again and again, takes and gives the
// machine's warmest one each time.
#pragma once

#include <cstddef>

namespace fiber::rt {

// The least that is lent, in bytes of address space: what a fiber of the reserved kind has for all it does.
inline constexpr std::size_t min_segment_size = std::size_t{256} << 10;

// Puts one with that much room in front of those that this OS thread has idle. Throws as stack_class::reserve and of_size.
void add_segment(std::size_t room);

// All that this OS thread has idle goes back to the depot.
void return_idle_segments() noexcept;

} // namespace fiber::rt
