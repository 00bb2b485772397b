// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// own_fiber.cpp: starts a fiber for user code.
#include "chan/own_fiber.hpp"

#include <fiber/go.hpp>

#include <new>
#include <system_error>

namespace fiber::detail {
namespace {

bool started(void (*run)(void*), void* argument) noexcept {
    try {
        go(run, argument);
        return true;
    } catch (std::system_error const&) { // from go itself: an exception of the fiber does not come here
        return false;
    } catch (std::bad_alloc const&) {
        return false;
    }
}

} // namespace

void call_in_own_fiber(void (*run)(void*), void* argument) noexcept {
    if (!started(run, argument))
        run(argument);
}

} // namespace fiber::detail
