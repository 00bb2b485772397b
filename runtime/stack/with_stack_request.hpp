// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// with_stack_request.hpp: the checks and error messages of with_stack. The stack is larger than the
// request: it includes guard and record, and its size is a power of two. Error messages name the
// request.
#pragma once

#include "runtime/stack/stack.hpp"

#include <cstddef>
#include <stdexcept>
#include <string>
#include <system_error>

namespace fiber::rt {

// The maximum request, in bytes, for both kinds of stacks; guard and record come in addition.
inline constexpr std::size_t max_with_stack_bytes = max_stack_size / 2;

// Returns take(), which must get the stack for a call of with_stack(bytes, …). Throws
// std::invalid_argument if bytes is too large. Adds the request to the text of a std::system_error
// that take() throws.
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
