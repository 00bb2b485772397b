// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// processor_test.cpp: rt::processor: when it stands still.

#include "tests/support/catch.hpp"

#include "runtime/sched/processor.hpp"

#include <chrono>

namespace rt = fiber::rt;
using namespace std::chrono_literals;

TEST_CASE("a processor does not stand still after sharing fibers out", "[processor]") {
    rt::processor p(0, rt::stack_class::default_class(), rt::stack_class::default_class());
    rt::clock::time_point const start{1h};
    ++p.shared_out;
    CHECK(p.stands_still_for(start) == 0s);
    CHECK(p.stands_still_for(start + 1s) == 1s);
    ++p.shared_out;
    CHECK(p.stands_still_for(start + 2s) == 0s);
    CHECK(p.stands_still_for(start + 3s) == 1s);
}

TEST_CASE("a processor without switches stands still after stealing fibers", "[processor]") {
    rt::processor p(0, rt::stack_class::default_class(), rt::stack_class::default_class());
    rt::clock::time_point const start{1h};
    ++p.started;
    CHECK(p.stands_still_for(start) == 0s);
    ++p.stolen;
    CHECK(p.stands_still_for(start + 1s) == 1s);
}
