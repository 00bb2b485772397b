// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// handler.hpp: callers that must not change what the process waits for.
#pragma once

namespace fiber::hook_library {

// Returns true if the caller is called by a handler of a signal, in a fiber or an OS thread: signals.cpp.
[[nodiscard, gnu::visibility("hidden")]] bool is_in_handler() noexcept;
// Returns true in a child of vfork, which has the memory of its parent and other descriptors: loader.cpp.
[[nodiscard, gnu::visibility("hidden")]] bool is_in_vfork_child() noexcept;

} // namespace fiber::hook_library
