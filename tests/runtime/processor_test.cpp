// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// processor_test.cpp: rt::processor: when it stands still.

#include "tests/support/catch.hpp"

#include "runtime/sched/processor.hpp"

namespace rt = fiber::rt;

TEST_CASE("a processor does not stand still after sharing fibers out", "[processor]") {
    rt::processor p(0, rt::stack_class::default_class(), rt::stack_class::default_class());
    CHECK(p.stands_still());
    ++p.shared_out;
    CHECK_FALSE(p.stands_still());
    CHECK(p.stands_still());
}

TEST_CASE("a processor without switches stands still after stealing fibers", "[processor]") {
    rt::processor p(0, rt::stack_class::default_class(), rt::stack_class::default_class());
    CHECK(p.stands_still());
    ++p.stolen;
    CHECK(p.stands_still());
}
