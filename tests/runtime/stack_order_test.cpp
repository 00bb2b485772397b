// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stack_order_test.cpp: [stack.order]: rt::stack_class carves stacks in the order by which
// rt::stride_predictor guesses.

#include "tests/support/affinity.hpp"
#include "tests/support/catch.hpp"

#include "runtime/base/platform/stack_order.hpp"
#include "runtime/base/platform/stride_predictor.hpp"
#include "runtime/stack/kind.hpp"
#include "runtime/stack/stack_cache.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace rt = fiber::rt;

namespace {

constexpr std::size_t block = rt::min_stacks_in_block, period = rt::stack_period;

// The stacks that one processor takes for its fibers.
class processor_stacks {
public:
    explicit processor_stacks(rt::stack_class& c) : cache_(c, rt::stack_cache::default_limits) {}
    processor_stacks(processor_stacks const&) = delete;
    processor_stacks& operator=(processor_stacks const&) = delete;
    ~processor_stacks() {
        for (rt::stack* const s : taken_) {
            cache_.give_credit();
            cache_.give(*s);
        }
    }

    void take(std::size_t n) {
        for (; n > 0; --n) {
            cache_.take_credit();
            taken_.push_back(&cache_.take());
        }
    }
    // Returns the address of the i-th stack that was taken.
    [[nodiscard]] std::uintptr_t address(std::size_t i) const {
        return reinterpret_cast<std::uintptr_t>(taken_[i]);
    }

private:
    rt::stack_cache cache_;
    std::vector<rt::stack*> taken_;
};

// Returns the index of a CPU of the affinity that shares no block with the first one; 0 if there is none.
int with_other_block(tests::affinity const& cpus) {
    constexpr auto blocks = rt::stack_class::max_blocks;
    int n = cpus.size() - 1;
    while (n > 0 && cpus.cpu(n) % blocks == cpus.cpu(0) % blocks)
        --n;
    return n;
}

} // namespace

TEST_CASE("the distance to the stack 16 places later is the same in each block of 64", "[stack_order]") {
    constexpr std::size_t blocks = 4;
    tests::affinity const cpus;
    int const other = with_other_block(cpus);
    if (other == 0) {
        WARN("on one CPU all blocks are adjacent");
        return;
    }
    for (std::size_t const size : {rt::min_stack_size, rt::default_stack_size()}) {
        CAPTURE(size);
        rt::stack_class c(size);
        processor_stacks first(c), second(c);
        cpus.move_to(other);
        second.take(period - 1); // the class makes 1, 2, 4 and 8 stacks, and from now on `period` at once
        for (std::size_t taken = 0; taken < blocks * block; taken += period) {
            cpus.move_to(0);
            first.take(period);
            cpus.move_to(other);
            second.take(period); // so that the blocks of `first` are not adjacent
        }
        for (std::size_t i = 0; i < blocks * block; ++i)
            if (i % block < block - period)
                REQUIRE(first.address(i + period) - first.address(i) == period * size);
    }
}

TEST_CASE("stacks of one CPU are guessed once 16 are known", "[stack_order]") {
    rt::stack_class c(rt::min_stack_size);
    processor_stacks stacks(c);
    tests::affinity const cpus;
    cpus.move_to(0);
    stacks.take(period - 1 + block);
    rt::stride_predictor predictor;
    for (std::size_t i = period - 1; i < block - 1; ++i) {
        auto const guess = predictor.observe(stacks.address(i));
        CHECK(guess == (i < 2 * period - 1 ? 0 : stacks.address(i + period)));
    }
}

TEST_CASE("a stride predictor guesses by the distance from the 16th object back", "[stack_order]") {
    constexpr std::uintptr_t stride = 0x1'0000;
    std::array<std::uintptr_t, period> offsets{};
    for (std::size_t i = 0; i < period; ++i)
        offsets[i] = 0x5000 + i * 7 % period * 0x100;
    rt::stride_predictor predictor;
    for (std::uintptr_t round = 0; round < 4; ++round)
        for (std::size_t i = 0; i < period; ++i) {
            CHECK(predictor.place() == i);
            auto const guess = predictor.observe(offsets[i] + round * stride);
            CHECK(guess == (round == 0 ? 0 : offsets[i] + (round + 1) * stride));
        }
}
