// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// with_stack_request.hpp: what with_stack asks for is less than the stack that it gets: guard and record come on top, and
// sizes are powers of two. Its errors name the request.
#pragma once

#include "runtime/stack/stack.hpp"

#include <cstddef>
#include <stdexcept>
#include <string>
#include <system_error>

namespace fiber::rt {

// Of both kinds of stacks, with what comes on top.
inline constexpr std::size_t max_with_stack_bytes = max_stack_size / 2;

// Returns take(), which gets the stack for a call of with_stack(bytes, …). Throws std::invalid_argument for too many bytes;
// a std::system_error of take() gets the request into its text.
template <class Take>
auto take_for_with_stack(std::size_t bytes, Take const& take) {
    if (bytes > max_with_stack_bytes)
        throw std::invalid_argument("fiber: with_stack is asked for " + std::to_string(bytes) +
                                    " bytes; the most is " + std::to_string(max_with_stack_bytes));
    try {
        return take();
    } catch (std::system_error const& e) {
        throw std::system_error(e.code(), "fiber: no address space for the stack of a call by with_stack(" +
                                              std::to_string(bytes) + ", …)");
    }
}

} // namespace fiber::rt
