// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// walk_test.cpp: arch::walk: the frames of a suspended flow of control, found without running on its stack.

#include "tests/support/catch.hpp"

#include "asm/switch/walk.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace arch = fiber::arch;

namespace {

arch::thread_state_slots thread;
arch::context outside, inside;
void* return_of_leaf = nullptr;
void* return_of_middle = nullptr;

[[gnu::noinline]] void leaf() {
    return_of_leaf = __builtin_return_address(0);
    arch::switch_to(thread, inside, outside, nullptr, nullptr);
    asm volatile("");
}
// A variable-length array makes the frame pointer necessary, which the walk must restore.
[[gnu::noinline]] void middle(std::size_t n) {
    return_of_middle = __builtin_return_address(0);
    auto* const array = static_cast<char*>(__builtin_alloca(n));
    std::memset(array, 1, n);
    leaf();
    asm volatile("" ::"r"(array));
}
[[noreturn]] void body() noexcept {
    for (std::size_t n = 16;; n *= 2)
        middle(n);
}

// Reads the red zones of the frames, too, which AddressSanitizer forbids to instrumented code.
[[gnu::no_sanitize_address]] std::vector<std::byte> copy_of(std::vector<std::byte> const& stack) {
    std::vector<std::byte> copy(stack.size());
    std::byte const volatile* const from = stack.data(); // volatile: no call of memcpy, which is instrumented
    std::byte* const to = copy.data();
    for (std::size_t i = 0; i < stack.size(); ++i)
        to[i] = from[i];
    return copy;
}

} // namespace

TEST_CASE("a suspended flow has its frames, innermost first, to the end of its stack", "[walk]") {
    std::vector<std::byte> stack(64 * 1024);
    thread.find();
    outside.sanitizer.adopt_thread();
    arch::make_context(inside, stack.data(), stack.size(), body);
    for (int i = 0; i < 5; ++i) {
        arch::switch_to(thread, outside, inside, nullptr, nullptr);
        auto const before = copy_of(stack);
        void* found[32];
        arch::backtrace frames{found, 32};
        arch::walk(arch::suspended(inside), frames);
        CHECK(copy_of(stack) == before); // the walk only reads
        CHECK(!frames.has_more);
        void** const end = found + frames.count;
        auto const at = std::find(found, end, return_of_leaf);
        REQUIRE(at != end);
        REQUIRE(end - at >= 2);
        CHECK(at[1] == return_of_middle);
        CHECK(end - at <= 5); // body, begin, first_frame
    }
    arch::drop_context(inside);
}

TEST_CASE("a walk stops where its memory ends", "[walk]") {
    std::vector<std::byte> stack(64 * 1024);
    thread.find();
    outside.sanitizer.adopt_thread();
    arch::make_context(inside, stack.data(), stack.size(), body);
    arch::switch_to(thread, outside, inside, nullptr, nullptr);
    void* found[2] = {};
    arch::backtrace frames{found, 1};
    arch::walk(arch::suspended(inside), frames);
    CHECK(frames.count == 1);
    CHECK(frames.has_more);
    CHECK(found[1] == nullptr);
    arch::drop_context(inside);
}
