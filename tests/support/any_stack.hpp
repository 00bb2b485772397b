// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// any_stack.hpp: marks a fiber of a unit test as one that has run.
#pragma once

#include "runtime/stack/stack.hpp"
#include "runtime/stack/stack_class.hpp"

namespace tests {

// Returns a stack that no fiber runs on: `g.stack = &tests::any_stack()`.
inline fiber::rt::stack& any_stack() {
    static fiber::rt::stack s(fiber::rt::stack_class::default_class(), fiber::rt::guard_kind::page);
    return s;
}

} // namespace tests
