// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fiber_pool_test.cpp: rt::for_each_fiber beside fibers that start, park and take records.

#include "runtime/sched/current.hpp"
#include "runtime/sched/fiber_pool.hpp"
#include "runtime/sched/machine.hpp"

#include "tests/support/catch.hpp"

#include <fiber/fiber.hpp>

#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace rt = fiber::rt;

namespace {

std::size_t parked_fibers(fiber::rt::scheduler const& of) {
    std::size_t n = 0;
    rt::for_each_fiber(
        [&](rt::fiber const& g) { n += g.scheduler == &of && g.state == rt::fiber_state::parked; });
    return n;
}

} // namespace

TEST_CASE("a function of for_each_fiber may start fibers and park", "[fiber_pool]") {
    fiber::runtime r({.processors = 1});
    fiber::chan<void> end;
    std::vector<fiber::handle> parked;
    for (int i = 0; i < 100; ++i)
        parked.push_back(r.go([end] { end.recv(); }));
    r.run([&] {
        rt::scheduler const& here = rt::current_machine()->scheduler;
        while (parked_fibers(here) < parked.size())
            fiber::this_fiber::yield();
        std::size_t parked_here = 0, seen = 0;
        std::vector<std::unique_ptr<int>> allocated;
        rt::for_each_fiber([&](rt::fiber const& g) {
            ++seen;
            allocated.push_back(std::make_unique<int>(1));
            if (g.scheduler != &here || g.state != rt::fiber_state::parked)
                return;
            ++parked_here;
            fiber::wait_group group; // needs more records than a processor keeps
            for (int i = 0; i < 400; ++i)
                group.go([] {});
            group.wait();
        });
        CHECK(parked_here >= parked.size());
        CHECK(seen >= rt::records_at_once);
    });
    end.close();
    for (auto& p : parked)
        p.join();
}

TEST_CASE("fiber records are available while for_each_fiber runs", "[fiber_pool]") {
    fiber::run([] {}); // makes at least one record
    bool looked = false, free = false;
    rt::for_each_fiber([&](rt::fiber const&) {
        if (std::exchange(looked, true))
            return;
        std::thread([&] {
            std::mutex& lock = rt::fiber_records_mutex();
            for (int i = 0; i < 100'000 && !free; ++i) { // Other threads hold the lock for microseconds.
                free = lock.try_lock();
                if (free)
                    lock.unlock();
                else
                    std::this_thread::yield();
            }
        }).join();
    });
    CHECK(looked);
    CHECK(free);
}
