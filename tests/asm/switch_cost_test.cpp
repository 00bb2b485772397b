// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// Measures the cost of a switch without a scheduler. The test is hidden, because no test may depend
// on time. ./test_asm "[cost]" prints the result.
#include "tests/support/catch.hpp"

#include "asm/switch/switch.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <deque>
#include <vector>

namespace arch = fiber::arch;

namespace {

// A ring of contexts. Each context resumes the next one from the bottom of `depth` nested calls.
class ring {
public:
    ring(std::size_t members, int depth, bool uneven) : depth_(depth), uneven_(uneven) {
        current = this;
        thread_.find();
        outside_.sanitizer.adopt_thread();
        for (std::size_t i = 0; i < members; ++i) {
            member& m = members_.emplace_back();
            m.stack.resize(16 * 1024 + 64 * i); // puts the stack tops into different cache sets
            arch::make_context(m.context, m.stack.data(), m.stack.size(), entry);
        }
    }
    ~ring() {
        for (auto& m : members_)
            arch::drop_context(m.context);
    }

    double nanoseconds_each() {
        constexpr int switches = 2'000'000;
        left_ = switches;
        auto const start = std::chrono::steady_clock::now();
        arch::switch_to(thread_, outside_, members_[at_].context, nullptr, nullptr);
        std::chrono::duration<double, std::nano> const took = std::chrono::steady_clock::now() - start;
        return took.count() / switches;
    }

private:
    struct member {
        std::vector<std::byte> stack;
        alignas(64) arch::context context;
    };

    static inline ring* current = nullptr;
    static void entry() noexcept {
        ring& r = *current;
        for (bool odd = r.at_ % 2 != 0;;)
            r.descend(r.depth_ + (r.uneven_ && odd ? 1 : 0));
    }
    [[gnu::noinline]] void descend(int depth) {
        if (depth == 0)
            turn();
        else
            descend(depth - 1);
        asm volatile(""); // prevents a tail call
    }
    void turn() {
        arch::context& from = members_[at_].context;
        if (left_-- == 0) {
            arch::switch_to(thread_, from, outside_, nullptr, nullptr);
            return;
        }
        at_ = at_ + 1 == members_.size() ? 0 : at_ + 1;
        arch::switch_to(thread_, from, members_[at_].context, nullptr, nullptr);
    }

    arch::thread_state_slots thread_;
    arch::context outside_;
    std::deque<member> members_;
    std::size_t at_ = 0;
    int left_ = 0;
    int depth_;
    bool uneven_;
};

double best(std::size_t members, int depth, bool uneven) {
    ring r(members, depth, uneven);
    double least = r.nanoseconds_each();
    for (int i = 0; i < 20; ++i)
        least = std::min(least, r.nanoseconds_each());
    return least;
}

} // namespace

TEST_CASE("a switch costs nanoseconds", "[.][cost]") {
    for (std::size_t const members : {2u, 10u})
        std::printf(
            "%2zu contexts: from one call %.1f ns, from four %.1f ns, from four and five in turn %.1f ns\n",
            members, best(members, 0, false), best(members, 3, false), best(members, 3, true));
}
