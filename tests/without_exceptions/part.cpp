// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// part.cpp: compiled without exceptions and RTTI, and linked with main.cpp.
#include "tests/without_exceptions/part.hpp"

#include <utility>

fiber::future<int> twice(fiber::future<int> operand) {
    return fiber::async([of = std::move(operand)]() mutable { return 2 * of.get(); });
}

void fill(fiber::chan<int> const& to) {
    for (int i = 1; i <= 3; ++i)
        to.send(i);
    to.close();
}

fiber::context with_number(fiber::context const& parent, int number) {
    return fiber::context::with_value(parent, number);
}

int number_of(fiber::context const& ctx) { return *ctx.value<int>(); }
