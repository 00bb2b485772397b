// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// call_on_stack_test.cpp: arch::call_on_stack: runs a function on another stack, and lets
// exceptions and backtraces cross it.

#include "tests/support/catch.hpp"

#include "asm/call/call_on_stack.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <unwind.h>
#include <vector>

namespace arch = fiber::arch;

namespace {

class other_stack {
public:
    [[nodiscard]] bool holds(void const* p) const {
        return p >= memory_.data() && p < memory_.data() + memory_.size();
    }
    template <class F>
    void call(F f, std::size_t below_top = 0) {
        arch::call_on_stack(
            memory_.data(), memory_.data() + memory_.size() - below_top,
            [](void* body) { (*static_cast<F*>(body))(); }, &f);
    }

private:
    std::vector<std::byte> memory_ = std::vector<std::byte>(64 * 1024);
};

bool stands_on(other_stack const& s) { return s.holds(__builtin_frame_address(0)); }

TEST_CASE("call_on_stack runs the function on the other stack and returns to the caller's") {
    other_stack there;
    bool inside = false;
    there.call([&] { inside = stands_on(there); });
    CHECK(inside);
    CHECK_FALSE(stands_on(there));
}

TEST_CASE("call_on_stack aligns the other stack from every start address") {
    other_stack there;
    for (std::size_t below = 0; below < 32; ++below) {
        std::uintptr_t place = 1;
        there.call(
            [&] {
                alignas(16) char volatile aligned[16] = {};
                place = reinterpret_cast<std::uintptr_t>(&aligned);
            },
            below);
        CHECK(place % 16 == 0);
    }
}

TEST_CASE("calls on other stacks nest") {
    other_stack outer, inner;
    std::string seen;
    outer.call([&] {
        seen += stands_on(outer) ? 'o' : '-';
        inner.call([&] { seen += stands_on(inner) ? 'i' : '-'; });
        seen += stands_on(outer) ? 'o' : '-';
    });
    CHECK(seen == "oio");
}

TEST_CASE("an exception leaves another stack and destroys each object on the way") {
    struct sets {
        bool& flag;
        ~sets() { flag = true; }
    };
    other_stack there;
    bool destroyed = false;
    double volatile kept = 1.5; // unwinding must restore callee-saved registers
    CHECK_THROWS_WITH(there.call([&] {
        sets const at_the_end{destroyed};
        throw std::runtime_error("thrown there");
    }),
                      "thrown there");
    CHECK(destroyed);
    CHECK(kept == 1.5);
    CHECK_FALSE(stands_on(there));
}

[[gnu::noinline]] int frames_above() {
    int count = 0;
    ::_Unwind_Backtrace(
        [](_Unwind_Context*, void* n) {
            ++*static_cast<int*>(n);
            return _URC_NO_REASON;
        },
        &count);
    return count;
}

TEST_CASE("a backtrace continues from another stack to the caller's stack") {
    other_stack there;
    int const here = frames_above();
    int further = 0;
    there.call([&] { further = frames_above(); });
    CHECK(here >= 2);
    CHECK(further > here);
}

} // namespace
