// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stride_predictor.hpp: guesses where the next objects of a sequence lie, if each lies on the stack of
// another fiber, at the same depth.
//
// Fibers that were started in a row often come in that order. Therefore the distance to the object
// stack_period places ahead usually equals the distance from the object stack_period places back:
// [stack.order]. No list tells where these objects are: each one costs a cache miss and a TLB miss unless it
// is prefetched.
#pragma once

#include "runtime/base/platform/stack_order.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace fiber::rt {

class stride_predictor {
public:
    // Returns the number of objects that were recorded, modulo stack_period.
    [[nodiscard]] std::size_t place() const noexcept { return observed_ % stack_period; }

    // Records the next object of the sequence. Returns the guessed address of the object that comes
    // stack_period places after it. Returns 0 if there is no guess yet.
    [[nodiscard]] std::uintptr_t observe(std::uintptr_t here) noexcept {
        std::uintptr_t& before = before_[place()];
        ++observed_;
        std::uintptr_t const guess = before != 0 ? here + (here - before) : 0;
        before = here;
        return guess;
    }

private:
    std::array<std::uintptr_t, stack_period> before_{};
    std::size_t observed_ = 0;
};

} // namespace fiber::rt
