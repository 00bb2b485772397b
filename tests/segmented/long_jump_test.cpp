// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// longjmp across the ends of segments.

#include "tests/segmented/at_each_depth.hpp"
#include "tests/support/catch.hpp"

#include <fiber/fiber.hpp>
#include <fiber/stack.hpp>

#include <csetjmp>
#include <cstddef>

namespace {

// Jumps from `segments` segments further on, with any idle segments of earlier tests, and `frames`
// frames on the last one.
[[gnu::noinline]] void sink_and_jump(int segments, int frames, std::jmp_buf to) {
    char frame[64];
    tests::keep(frame);
    if (segments > 0)
        fiber::with_stack(fiber::this_fiber::stack_remaining() + 1,
                          [=] { sink_and_jump(segments - 1, frames, to); });
    else if (frames > 0)
        sink_and_jump(0, frames - 1, to);
    else
        std::longjmp(to, 7);
    tests::keep(frame); // prevents a tail call
}

// Returns true if the stack is unchanged after the jump and can grow again.
[[gnu::noinline]] bool comes_back_from(int segments, int frames) {
    std::jmp_buf here;
    std::size_t volatile const room = fiber::this_fiber::stack_remaining();
    int const value = setjmp(here);
    if (value == 0)
        sink_and_jump(segments, frames, here);
    std::size_t const room_now = fiber::this_fiber::stack_remaining();
    fiber::this_fiber::yield();
    return value == 7 && room_now == room && tests::descend(100'000) == (100'000 + 63) / 64;
}

TEST_CASE("longjmp passes the ends of segments at each depth", "[segmented]") {
    int right = 0;
    tests::at_each_depth([&] { right += comes_back_from(1, 0) && comes_back_from(0, 3) ? 1 : 0; });
    CHECK(right == tests::depths);
}

TEST_CASE("longjmp returns each segment on its way", "[segmented]") {
    auto const reserved = [] { return fiber::runtime::global().stats().stack_bytes_reserved; };
    fiber::run([&] {
        int right = 0;
        auto const often = [&] {
            for (int n = 0; n < 50; ++n)
                right += comes_back_from(3, 1000) ? 1 : 0;
        };
        often(); // fills each processor's cache of each size
        auto const before = reserved();
        often();
        CHECK(reserved() == before);
        CHECK(right == 100);
    });
}

} // namespace
