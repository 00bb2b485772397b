// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// mixed_stress_test.cpp: everything that may happen at once in a process: mixture.hpp. At the end
// the counts must agree.

#include "tests/stress/mixture.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/leaks.hpp"

#include <cstdint>
#include <thread>
#include <vector>

using tests::mixture, tests::task;

namespace {

// Runs a member function of `task` in fibers of both runtimes and in OS threads.
class crew {
public:
    crew(mixture& m, std::uint64_t first, std::uint64_t size, void (task::*what)()) {
        for (std::uint64_t number = first; number < first + size; ++number) {
            auto const body = [&m, number, what] { (task(m, number).*what)(); };
            if (number % 4 == 3)
                threads_.emplace_back(body);
            else
                fibers_.push_back(number % 4 == 2 ? fiber::go(body) : m.runtime.go(body));
        }
    }
    void join() {
        tests::join_all(fibers_);
        for (auto& t : threads_)
            t.join();
    }

private:
    std::vector<fiber::handle> fibers_;
    std::vector<std::thread> threads_;
};

} // namespace

TEST_CASE("pins, hand-offs, processors, forks, timers, joins and channels work together", "[stress][mixed]") {
    INFO("FIBER_CHAOS_SEED=" << tests::chaos::seed());
    tests::no_leaks no_leaks;
    tests::expect expect;
    mixture m(expect);
    crew producers(m, 0, 14, &task::produce), consumers(m, 100, 4, &task::consume);
    producers.join();
    for (auto const& c : m.channels)
        c.close();
    consumers.join();
    m.detached.wait();
    while (m.calls + m.times + m.stopped != m.timers) // the test hangs if a timer never fires
        fiber::this_fiber::yield();
    CHECK(m.sent.count == m.received.count);
    CHECK(m.sent.sum == m.received.sum);
    CHECK(m.started == m.ended);
    CHECK(m.locked == m.locks);
    CHECK(m.forks_left < tests::max_forks);
}
