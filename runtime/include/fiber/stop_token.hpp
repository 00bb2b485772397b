// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// <fiber/stop_token.hpp>: std::stop_token and stop_callback, and a stop_source whose callbacks may wait.
#pragma once

#include <fiber/detail/config.hpp>

#include <stop_token>
#include <utility>

namespace fiber {

// std's own: they may be named either way.
using std::nostopstate;
using std::nostopstate_t;
using std::stop_callback;
using std::stop_token;

// stop_source is std::stop_source; it converts to std's and back, and shares the stop state with it. The difference: while
// its request_stop calls callbacks, the calling fiber stays on its OS thread, and no other fiber runs there. Callbacks may
// therefore wait for anything, and the destructor of a stop_callback waits for the callback's end, as std says. With a bare
// std::stop_source this does not hold: std tells by the OS thread whether a callback is destroyed from within. Its callbacks
// must then not wait in a fiber, or the fiber must hold a thread_pin while it requests the stop.
class stop_source : public std::stop_source {
public:
    // With a stop state of its own. Throws std::bad_alloc.
    stop_source() = default;
    // Without a stop state.
    explicit stop_source(nostopstate_t none) noexcept : std::stop_source(none) {}
    // With the stop state of the other.
    stop_source(std::stop_source other) noexcept : std::stop_source(std::move(other)) {}

    // Requests a stop and calls all callbacks, here, one after the other. Blocks as long as they do. Returns false, and
    // does nothing, if a stop has been requested before, or without a stop state.
    FIBER_API bool request_stop() const noexcept;

    void swap(stop_source& other) noexcept { std::stop_source::swap(other); }
    friend void swap(stop_source& a, stop_source& b) noexcept { a.swap(b); }
};

} // namespace fiber
