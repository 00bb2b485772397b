// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stop_races_test.cpp: a stop request meets the event of a wait. One of the two ends the wait, and
// the event is not lost.
#include "tests/support/catch.hpp"
#include "tests/support/chaos.hpp"
#include "tests/support/concurrent_run.hpp"
#include "tests/support/expect.hpp"
#include "tests/sync/stoppable.hpp"

#include <fiber/go.hpp>
#include <fiber/stop_token.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace {

// Most rounds are between fibers. OS threads take longer to meet while other threads need the CPUs.
struct meeting {
    tests::mix tasks;
    int rounds;
};
constexpr meeting meetings[] = {{{3, 0}, 1000}, {{0, 3}, 60}, {{2, 1}, 60}, {{1, 2}, 60}};

// The stop sources of a mix: each agent waits with the token of one source, and sometimes stops any
// source.
class stops {
public:
    explicit stops(int tasks) : sources_(static_cast<std::size_t>(tasks)) {}
    std::stop_token renew(int task) {
        std::lock_guard const guard(mutex_);
        auto& mine = sources_[static_cast<std::size_t>(task)];
        if (mine.stop_requested())
            mine = fiber::stop_source();
        return mine.get_token();
    }
    void stop_any(tests::chaos& chaos) {
        fiber::stop_source any(fiber::nostopstate);
        {
            std::lock_guard const guard(mutex_);
            any = sources_[chaos.below(sources_.size())];
        }
        any.request_stop();
    }

private:
    std::mutex mutex_;
    std::vector<fiber::stop_source> sources_;
};

constexpr tests::mix mixes[] = {{12, 0}, {0, 4}, {8, 3}};

} // namespace

TEMPLATE_TEST_CASE("a stop and the event of a wait meet: one ends the wait, the event is not lost",
                   "[stop_wait][stress]", STOPPABLES) {
    struct round {
        TestType object;
        fiber::stop_source source;
        std::atomic<int> arrived{0}, done{0};
    };
    tests::expect expect;
    for (auto const& m : meetings) {
        std::vector<std::unique_ptr<round>> rounds;
        for (int i = 0; i < m.rounds; ++i)
            rounds.push_back(std::make_unique<round>());
        tests::run_concurrently(m.tasks, [&](int task) {
            tests::chaos chaos(static_cast<std::uint64_t>(task));
            for (auto& r : rounds) {
                ++r->arrived;
                while (r->arrived != 3)
                    fiber::this_fiber::yield();
                for (auto n = chaos.below(200); n != 0; --n)
                    std::atomic_signal_fence(std::memory_order_seq_cst); // a short time
                if (task == 0) {
                    bool const mine = r->object.wait(r->source.get_token());
                    while (r->done != 2)
                        fiber::this_fiber::yield();
                    expect(r->object.take() == !mine, "taken once");
                } else if (task == 1) {
                    r->source.request_stop();
                    ++r->done;
                } else {
                    r->object.provide();
                    ++r->done;
                }
            }
        });
    }
}

TEST_CASE("a mutex has one owner while waiters are stopped", "[mutex][stop_wait][stress]") {
    for (auto const& mix : mixes) {
        fiber::mutex m;
        stops all(mix.size());
        std::int64_t locked = 0; // guarded by m
        std::atomic<std::int64_t> counted{0};
        tests::run_concurrently(mix, [&](int task) {
            tests::chaos chaos(static_cast<std::uint64_t>(task));
            for (int i = 0; i < 4000; ++i) {
                if (chaos.below(4) == 0)
                    all.stop_any(chaos);
                if (chaos.below(4) == 0)
                    m.lock();
                else if (!m.lock(all.renew(task)))
                    continue;
                auto const seen = locked;
                chaos();
                locked = seen + 1;
                ++counted;
                m.unlock();
            }
        });
        CHECK(locked == counted);
        CHECK(m.try_lock());
        m.unlock();
    }
}

TEST_CASE("the number of permits is constant while waiters are stopped", "[semaphore][stop_wait][stress]") {
    for (auto const& mix : mixes) {
        fiber::counting_semaphore<> s(2);
        stops all(mix.size());
        std::atomic<int> inside{0};
        {
            tests::expect expect;
            tests::run_concurrently(mix, [&](int task) {
                tests::chaos chaos(static_cast<std::uint64_t>(task));
                for (int i = 0; i < 4000; ++i) {
                    if (chaos.below(4) == 0)
                        all.stop_any(chaos);
                    if (chaos.below(4) == 0)
                        s.acquire();
                    else if (!s.acquire(all.renew(task)))
                        continue;
                    expect(++inside <= 2, "at most two");
                    chaos();
                    --inside;
                    s.release();
                }
            });
        }
        CHECK(s.try_acquire());
        CHECK(s.try_acquire());
        CHECK_FALSE(s.try_acquire());
    }
}

TEST_CASE("the number of units is constant while waiters are stopped, and all are served",
          "[weighted_semaphore][stop_wait][stress]") {
    for (auto const& mix : mixes) {
        constexpr std::ptrdiff_t size = 5;
        fiber::weighted_semaphore s(size);
        stops all(mix.size());
        std::atomic<std::ptrdiff_t> out{0};
        {
            tests::expect expect;
            tests::run_concurrently(mix, [&](int task) {
                tests::chaos chaos(static_cast<std::uint64_t>(task));
                for (int i = 0; i < 4000; ++i) {
                    auto const k = static_cast<std::ptrdiff_t>(chaos.below(size + 1));
                    if (chaos.below(4) == 0)
                        all.stop_any(chaos);
                    auto const dice = chaos.below(8);
                    if (dice < 2)
                        s.acquire(k);
                    else if (dice == 2 ? !s.try_acquire(k) : !s.acquire(k, all.renew(task)))
                        continue;
                    expect((out += k) <= size, "at most five");
                    chaos();
                    out -= k;
                    s.release(k);
                }
            });
        }
        CHECK(s.try_acquire(size));
    }
}

TEST_CASE("each waiter of a wait_group is stopped or sees the end", "[wait_group][stop_wait][stress]") {
    for (auto const& mix : mixes) {
        stops all(mix.size());
        std::vector<std::unique_ptr<fiber::wait_group>> groups;
        for (int i = 0; i < 500; ++i) {
            groups.push_back(std::make_unique<fiber::wait_group>());
            groups.back()->add(mix.size());
        }
        tests::expect expect;
        tests::run_concurrently(mix, [&](int task) {
            tests::chaos chaos(static_cast<std::uint64_t>(task));
            for (auto& group : groups) {
                group->done();
                if (chaos.below(2) == 0)
                    all.stop_any(chaos);
                bool const is_over = group->wait(all.renew(task));
                if (!is_over)
                    group->wait();
                expect(group->wait(std::stop_token()), "zero");
            }
        });
    }
}
