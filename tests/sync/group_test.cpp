// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// group_test.cpp: fiber::group: waits, errors, stop requests, limits.
#include "tests/support/catch.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/procs.hpp"

#include <fiber/go.hpp>
#include <fiber/group.hpp>
#include <fiber/latch.hpp>
#include <fiber/semaphore.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;

namespace {

static_assert(!std::is_copy_constructible_v<fiber::group> && !std::is_move_constructible_v<fiber::group>);

void until_stopped(std::stop_token stop) {
    while (!stop.stop_requested())
        fiber::this_fiber::sleep_for(100us);
}

template <class Body>
void in_fiber_and_thread(Body body) {
    SECTION("in a fiber") { tests::on_processors(body); }
    SECTION("in an OS thread") { body(); }
}

} // namespace

TEST_CASE("wait returns when all fibers of the group have ended", "[group]") {
    in_fiber_and_thread([] {
        fiber::group group;
        std::atomic<int> ended{0};
        for (int i = 0; i < 10; ++i)
            group.go([&] {
                fiber::this_fiber::yield();
                ++ended;
            });
        group.go([&, owner = std::make_unique<int>(1)](std::stop_token stop) {
            if (stop.stop_possible() && !stop.stop_requested())
                ended += *owner;
        });
        group.wait();
        CHECK(ended == 11);
        group.go([&] { ++ended; }); // a second round
        group.wait();
        CHECK(ended == 12);
        CHECK_FALSE(group.stop_token().stop_requested());
    });
}

TEST_CASE("the first exception stops the other fibers, and every wait throws", "[group]") {
    in_fiber_and_thread([] {
        fiber::group group;
        for (int i = 0; i < 4; ++i)
            group.go(until_stopped);
        group.go([] {
            fiber::this_fiber::yield();
            throw std::runtime_error("first");
        });
        group.go([](std::stop_token stop) {
            until_stopped(stop);
            throw std::runtime_error("second");
        });
        CHECK_THROWS_WITH(group.wait(), "first");
        CHECK(group.stop_token().stop_requested());
        CHECK_THROWS_WITH(group.wait(), "first");
    });
}

TEST_CASE("a failed group throws its first error in each later round", "[group]") {
    in_fiber_and_thread([] {
        fiber::group group;
        group.go([] {});
        group.wait();
        group.go([] { throw std::runtime_error("first"); });
        CHECK_THROWS_WITH(group.wait(), "first");
        for (int round = 0; round < 3; ++round) {
            bool stopped = false;
            group.go([&](std::stop_token stop) {
                stopped = stop.stop_requested();
                throw std::runtime_error("later");
            });
            CHECK_THROWS_WITH(group.wait(), "first");
            CHECK(stopped);
        }
        group.go([] {});
        CHECK_THROWS_WITH(group.wait(), "first");
    });
}

TEST_CASE("an error of the second round is thrown after a first round without errors", "[group]") {
    in_fiber_and_thread([] {
        fiber::group group;
        for (int round = 0; round < 2; ++round) {
            group.go([] { fiber::this_fiber::yield(); });
            group.wait();
            CHECK_FALSE(group.stop_token().stop_requested());
        }
        group.go([] { throw std::runtime_error("late"); });
        CHECK_THROWS_WITH(group.wait(), "late");
        CHECK(group.stop_token().stop_requested());
    });
}

TEST_CASE("each waiter of a group gets its error", "[group]") {
    for (int i = 0; i < 50; ++i) {
        tests::expect expect;
        fiber::group group;
        fiber::latch ready(4);
        std::atomic<int> thrown{0};
        auto const wait = [&] {
            ready.arrive_and_wait();
            try {
                group.wait();
            } catch (std::runtime_error const& e) {
                expect(std::string_view(e.what()) == "for all", "the error");
                ++thrown;
            }
        };
        fiber::binary_semaphore fail(0);
        group.go([&] {
            fail.acquire();
            throw std::runtime_error("for all");
        });
        std::vector<fiber::handle> fibers;
        for (int n = 0; n < 2; ++n)
            fibers.push_back(fiber::go(wait));
        std::thread thread(wait);
        ready.arrive_and_wait();
        fail.release();
        for (auto& f : fibers)
            f.join();
        thread.join();
        expect(thrown == 3, "all have got it");
    }
}

TEST_CASE("a wait sees the failure of a later round completely or not at all", "[group]") {
    for (int i = 0; i < 200; ++i) {
        tests::expect expect;
        fiber::group group;
        fiber::handle waiter = fiber::go([&] {
            for (bool failed = false; !failed;)
                try {
                    fiber::this_fiber::yield();
                    group.wait();
                } catch (std::runtime_error const& e) {
                    failed = expect(std::string_view(e.what()) == "now", "the error");
                }
        });
        group.go([] {
            fiber::this_fiber::yield();
            throw std::runtime_error("now");
        });
        waiter.join();
    }
}

TEST_CASE("a fiber of a group may start further fibers in the group", "[group]") {
    tests::on_processors([] {
        fiber::group group;
        std::atomic<int> ended{0};
        for (int i = 0; i < 5; ++i)
            group.go([&] {
                for (int k = 0; k < 5; ++k)
                    group.go([&] { ++ended; });
            });
        group.wait();
        CHECK(ended == 25);
    });
}

TEST_CASE("no fiber outlives its group: the destructor stops and waits", "[group]") {
    in_fiber_and_thread([] {
        std::atomic<int> ended{0};
        {
            fiber::group group;
            for (int i = 0; i < 4; ++i)
                group.go([&](std::stop_token stop) {
                    until_stopped(stop);
                    ++ended;
                    throw std::runtime_error("nobody asks");
                });
        }
        CHECK(ended == 4);
    });
}

TEST_CASE("a stop request goes from the parent to the group, and not back", "[group]") {
    tests::on_processors([] {
        std::stop_source parent;
        fiber::group outer(parent.get_token());
        fiber::group inner(outer.stop_token());
        outer.go(until_stopped);
        inner.go([] { throw std::runtime_error("inside"); });
        CHECK_THROWS_WITH(inner.wait(), "inside");
        CHECK_FALSE(outer.stop_token().stop_requested());
        parent.request_stop();
        outer.wait();
        CHECK(outer.stop_token().stop_requested());
        fiber::group late(parent.get_token());
        CHECK(late.stop_token().stop_requested());
        CHECK(inner.stop_token().stop_requested());
    });
}

TEST_CASE("request_stop stops only the group", "[group]") {
    std::stop_source parent;
    fiber::group group(parent.get_token());
    group.go(until_stopped);
    group.request_stop();
    group.wait();
    CHECK_FALSE(parent.stop_requested());
}

TEST_CASE("no more fibers run at once than the limit allows", "[group]") {
    in_fiber_and_thread([] {
        fiber::group group;
        group.set_limit(3);
        std::atomic<int> running{0};
        tests::expect expect;
        for (int i = 0; i < 50; ++i)
            group.go([&] {
                expect(++running <= 3, "at most three");
                fiber::this_fiber::yield();
                --running;
            });
        group.wait();
        group.set_limit(1);
        std::atomic<bool> go_on{false};
        CHECK(group.try_go([&] {
            while (!go_on)
                fiber::this_fiber::yield();
        }));
        bool moved = false;
        struct tracked {
            explicit tracked(bool& m) : moved(&m) {}
            tracked(tracked&& other) noexcept : moved(other.moved) { *moved = true; }
            void operator()() const {}
            bool* moved;
        };
        CHECK_FALSE(group.try_go(tracked(moved)));
        CHECK_FALSE(moved);
        CHECK_THROWS_AS(group.set_limit(2), std::logic_error);
        go_on = true;
        group.wait();
        CHECK(group.try_go([] {}));
        group.wait();
        CHECK_THROWS_AS(group.set_limit(0), std::invalid_argument);
    });
}

TEST_CASE("a group may be destroyed once wait has returned", "[group]") {
    for (int i = 0; i < 300; ++i) {
        auto group = std::make_unique<fiber::group>();
        group->set_limit(2);
        for (int k = 0; k < 3; ++k)
            group->go([] {});
        group->wait();
        group.reset();
    }
    SUCCEED();
}
