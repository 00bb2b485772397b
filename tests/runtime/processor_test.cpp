// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "tests/support/catch.hpp"

#include "runtime/sched/processor.hpp"

namespace rt = fiber::rt;

TEST_CASE("a processor that shares fibers out does not stand still", "[processor]") {
    rt::processor p(0, rt::stack_class::default_class(), rt::stack_class::default_class());
    CHECK(p.stands_still());
    ++p.shared_out;
    CHECK_FALSE(p.stands_still());
    CHECK(p.stands_still());
}

TEST_CASE("a processor that stole fibers and makes no switch stands still", "[processor]") {
    rt::processor p(0, rt::stack_class::default_class(), rt::stack_class::default_class());
    CHECK(p.stands_still());
    ++p.stolen;
    CHECK(p.stands_still());
}
