// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stack_extension.hpp finds the stack that the calling fiber or OS thread stands on.
#pragma once

#include <cstdint>

namespace fiber::rt {

// Returns the lowest usable address of the stack that holds `here`, an address in the caller's frame.
[[nodiscard]] std::uintptr_t bottom_of_stack(std::uintptr_t here) noexcept;

} // namespace fiber::rt
