// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/stack/kind.hpp"
#include "runtime/stack/stack.hpp"

namespace fiber::rt {

slot_shape shape_of(std::size_t) noexcept { return {.guard = guard_size, .canary = 512, .colours = 16}; }

std::size_t usual_stack_size() noexcept { return std::size_t{256} << 10; }

void begin_running_fibers() noexcept {}
void end_running_fibers() noexcept {}

std::uintptr_t bottom_of_segment() noexcept { return 0; }
bool call_on_segment(std::size_t, void (*)(void*), void*) { return false; }

void lock_running_threads() noexcept {}
void unlock_running_threads() noexcept {}
void forget_vanished_threads() noexcept {}

} // namespace fiber::rt
