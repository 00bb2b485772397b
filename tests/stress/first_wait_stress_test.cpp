// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// first_wait_stress_test.cpp: the first wait for a mutex, or the first wait after a rebias, again
// and again: [mutex.bias]. One agent locks and unlocks a fresh mutex without a pause. A second
// agent comes, and must wait. The last one to lock the mutex destroys it, and after that no agent
// may touch it.

#include "tests/support/catch.hpp"
#include "tests/support/chaos.hpp"
#include "tests/support/concurrent_run.hpp"
#include "tests/support/expect.hpp"

#include <fiber/go.hpp>
#include <fiber/mutex.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

namespace {

struct pairing {
    tests::mix tasks;
    int rounds;
};
constexpr pairing pairings[] = {{{2, 0}, 300}, {{0, 2}, 300}, {{1, 1}, 200}};
constexpr std::byte gone{0xa5};

// Storage for a mutex. untouched() tells whether an agent wrote to it after the destruction.
template <class Mutex>
class place {
public:
    place() { new (bytes_.data()) Mutex; }
    place(place const&) = delete;
    place& operator=(place const&) = delete;
    [[nodiscard]] Mutex& mutex() noexcept { return *std::launder(reinterpret_cast<Mutex*>(bytes_.data())); }
    void destroy() noexcept {
        mutex().~Mutex();
        bytes_.fill(gone);
    }
    [[nodiscard]] bool untouched() const noexcept {
        return std::all_of(bytes_.begin(), bytes_.end(), [](std::byte b) { return b == gone; });
    }

private:
    alignas(Mutex) std::array<std::byte, sizeof(Mutex)> bytes_;
};

void busy(std::uint64_t n) {
    for (; n > 0; --n)
        asm volatile("");
}

void lock(fiber::mutex& m, tests::chaos&) { m.lock(); }
void lock(fiber::timed_mutex& m, tests::chaos& chaos) {
    while (!m.try_lock_for(std::chrono::microseconds(chaos.below(30)))) {
    }
}
void lock(fiber::recursive_mutex& m, tests::chaos&) { m.lock(); }

template <class Mutex>
void meet_again_and_again() {
    struct object {
        place<Mutex> where;
        std::atomic<int> arrived{0};
        bool left = false; // the first agent will not lock it again; guarded by the mutex
    };
    tests::expect expect;
    for (auto const& pair : pairings) {
        std::vector<std::unique_ptr<object>> objects;
        for (int i = 0; i < pair.rounds; ++i)
            objects.push_back(std::make_unique<object>());
        tests::run_concurrently(pair.tasks, [&](int task) {
            tests::chaos chaos(static_cast<std::uint64_t>(task));
            for (auto const& o : objects) {
                for (++o->arrived; o->arrived != 2;)
                    fiber::this_fiber::yield();
                auto& m = o->where.mutex();
                if (task == 0) {
                    auto const times = chaos.below(100);
                    for (std::uint64_t n = 0; n <= times; ++n) {
                        lock(m, chaos);
                        busy(chaos.below(8) * 8);
                        o->left = n == times;
                        m.unlock(); // may be destroyed after this
                    }
                } else {
                    busy(chaos.below(64) * 16);
                    for (bool left = false; !left;) {
                        lock(m, chaos);
                        left = o->left;
                        m.unlock();
                    }
                    o->where.destroy();
                }
            }
        });
        for (auto const& o : objects)
            expect(o->where.untouched(), "nobody has touched it any more");
    }
}

} // namespace

TEST_CASE("mutex: the first waiter is woken, and destroys the mutex", "[mutex][stress]") {
    meet_again_and_again<fiber::mutex>();
}

TEST_CASE("timed_mutex: the first waiter locks, or times out and tries again", "[timed_mutex][stress]") {
    meet_again_and_again<fiber::timed_mutex>();
}

TEST_CASE("recursive_mutex: the first waiter is woken, and destroys the mutex", "[recursive_mutex][stress]") {
    meet_again_and_again<fiber::recursive_mutex>();
}

// Several agents come at once while the mutex is biased. One of them is still about to revoke the bias.
TEST_CASE("mutex: many agents come at once for the first wait", "[mutex][stress]") {
    constexpr int rounds = 150;
    for (auto const& mix : {tests::mix{5, 0}, tests::mix{0, 5}, tests::mix{4, 2}}) {
        struct object {
            fiber::mutex m;
            std::atomic<int> arrived{0};
            int entered = 0; // guarded by m
        };
        auto const objects = std::make_unique<object[]>(rounds);
        tests::expect expect;
        tests::run_concurrently(mix, [&](int task) {
            tests::chaos chaos(static_cast<std::uint64_t>(task));
            for (int i = 0; i < rounds; ++i) {
                auto& o = objects[static_cast<std::size_t>(i)];
                for (++o.arrived; o.arrived < mix.size();)
                    fiber::this_fiber::yield();
                for (int n = 0; n < 3; ++n) {
                    std::scoped_lock guard(o.m);
                    int const seen = o.entered;
                    busy(chaos.below(8) * 32);
                    if (chaos.below(16) == 0)
                        fiber::this_fiber::yield();
                    o.entered = seen + 1;
                }
            }
        });
        for (int i = 0; i < rounds; ++i)
            expect(objects[static_cast<std::size_t>(i)].entered == 3 * mix.size(), "one at a time");
    }
}

// The mutex is biased again in most rounds, within the revocation budget.
TEST_CASE("mutex: a biased mutex is waited for again after each rebias", "[mutex][stress]") {
    constexpr int rounds = 100;
    constexpr std::uint64_t long_enough = 17'000;
    for (auto const& mix : {tests::mix{3, 0}, tests::mix{0, 2}, tests::mix{1, 2}}) {
        fiber::mutex m;
        std::atomic<int> began{0}, came{0};
        int entered = 0; // guarded by m
        tests::expect expect;
        tests::run_concurrently(mix, [&](int task) {
            tests::chaos chaos(static_cast<std::uint64_t>(task));
            for (int round = 1; round <= rounds; ++round) {
                if (task == 0) {
                    // All others have finished the last round, and come again only in the last 100
                    // iterations.
                    for (std::uint64_t n = long_enough + chaos.below(200); n > 0; --n) {
                        if (n == 100)
                            began = round;
                        std::scoped_lock guard(m);
                        busy(n < 100 ? chaos.below(64) : 0);
                    }
                    while (came != round * (mix.size() - 1))
                        fiber::this_fiber::yield();
                } else {
                    while (began != round)
                        fiber::this_fiber::yield();
                    busy(chaos.below(64) * 16);
                    {
                        std::scoped_lock guard(m);
                        int const seen = entered;
                        busy(chaos.below(8) * 256);
                        entered = seen + 1;
                    }
                    ++came;
                }
            }
        });
        expect(entered == rounds * (mix.size() - 1), "one at a time");
    }
}
