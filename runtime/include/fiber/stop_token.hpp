// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// <fiber/stop_token.hpp>: std::stop_token and stop_callback, and a stop_source with callbacks that
// may wait.
#pragma once

#include <fiber/detail/config.hpp>

#include <stop_token>
#include <utility>

namespace fiber {

// These are std's own types, under a second name.
using std::nostopstate;
using std::nostopstate_t;
using std::stop_callback;
using std::stop_token;

// Mirrors std::stop_source. Converts to std::stop_source and back, and shares the stop state with
// it. The difference is request_stop: while it calls callbacks, the calling fiber stays on its OS
// thread, and no other fiber runs there. Callbacks may therefore wait for anything. The destructor
// of a stop_callback waits for the callback's end, as std says.
// A bare std::stop_source does not guarantee this: std compares OS threads to see whether a
// callback destroys its own stop_callback. A callback of a bare std::stop_source must not wait in a
// fiber, unless the fiber holds a thread_pin while it requests the stop.
class stop_source : public std::stop_source {
public:
    // Makes a new stop state. Throws std::bad_alloc.
    stop_source() = default;
    // Makes a source without a stop state.
    explicit stop_source(nostopstate_t none) noexcept : std::stop_source(none) {}
    // Shares the stop state of `other`.
    stop_source(std::stop_source other) noexcept : std::stop_source(std::move(other)) {}

    // Requests a stop, and calls all callbacks in the calling fiber or thread, one after the other.
    // Waits where a callback waits. Returns false, and does nothing, if a stop has been requested
    // before or if there is no stop state.
    FIBER_API bool request_stop() const noexcept;

    void swap(stop_source& other) noexcept { std::stop_source::swap(other); }
    friend void swap(stop_source& a, stop_source& b) noexcept { a.swap(b); }
};

} // namespace fiber
