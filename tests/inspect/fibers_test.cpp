// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fibers_test.cpp: what runtime::fibers() tells of each fiber: its state, its wait, its object, its age.

#include "tests/support/catch.hpp"

#include "tests/inspect/found.hpp"
#include "tests/support/child.hpp"

#include <fiber/fiber.hpp>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace std::chrono_literals;
using tests::fiber_named;
using tests::wait_until_parked;

TEST_CASE("fibers() tells how full the channel is that a fiber waits for", "[inspect]") {
    fiber::runtime r({.processors = 2});
    fiber::chan<int> full(3), empty;
    for (int i = 0; i < 3; ++i)
        full.send(i);
    auto sender = r.go({.name = "sender"}, [full]() mutable { full.send(3); });
    auto receiver = r.go({.name = "receiver"}, [empty]() mutable { static_cast<void>(empty.recv()); });
    auto const s = wait_until_parked(r, "sender");
    CHECK(s.waits_for == "chan send, 3 of 3 buffered");
    CHECK(s.object != nullptr);
    auto const other = wait_until_parked(r, "receiver");
    CHECK(other.waits_for == "chan receive, 0 of 0 buffered");
    CHECK(other.object != s.object);
    static_cast<void>(full.recv());
    empty.close();
    sender.join();
    receiver.join();
    CHECK(r.fibers().empty());
}

TEST_CASE("waits for the same object have the same object", "[inspect]") {
    fiber::runtime r({.processors = 2});
    fiber::mutex m;
    m.lock();
    auto const lock = [&m] {
        m.lock();
        m.unlock();
    };
    auto a = r.go({.name = "a"}, lock), b = r.go({.name = "b"}, lock);
    auto const first = wait_until_parked(r, "a");
    CHECK(first.waits_for == "mutex");
    CHECK(first.object == wait_until_parked(r, "b").object);
    m.unlock();
    a.join();
    b.join();
}

TEST_CASE("a join names the fiber, a sleep its rest", "[inspect]") {
    fiber::runtime r({.processors = 2});
    fiber::chan<bool> gate;
    auto joined = r.go({.name = "joined"}, [gate]() mutable { static_cast<void>(gate.recv()); });
    auto joiner = r.go({.name = "joiner"}, [&joined] { joined.join(); });
    auto sleeper = r.go({.name = "sleeper"}, [] { fiber::this_fiber::sleep_for(2s); });
    auto const number = tests::number_of(wait_until_parked(r, "joined").id);
    CHECK(wait_until_parked(r, "joiner").waits_for == "join, fiber " + number);
    auto const s = wait_until_parked(r, "sleeper");
    CHECK(s.waits_for.starts_with("sleep, due in "));
    CHECK(s.waits_for.ends_with(" ms"));
    CHECK(s.object == nullptr);
    gate.close();
    joiner.join();
    sleeper.join();
}

TEST_CASE("a wait has its length, and shorter waits can be left out", "[inspect]") {
    fiber::runtime r({.processors = 2});
    fiber::chan<bool> gate;
    auto waits = r.go({.name = "waits"}, [gate]() mutable { static_cast<void>(gate.recv()); });
    wait_until_parked(r, "waits");
    auto const begin = std::chrono::steady_clock::now();
    std::this_thread::sleep_for(100ms);
    auto const at_least =
        std::chrono::steady_clock::now() - begin - 20ms; // sysmon's look, and the clock's tick
    auto const found = fiber_named(r, "waits");
    REQUIRE(found);
    CHECK(found->waiting >= at_least);
    CHECK(found->waiting < 1h);
    CHECK(r.fibers({.waiting_for = 50ms}).size() == 1);
    CHECK(r.fibers({.waiting_for = 1h}).empty());
    gate.close();
    waits.join();
}

TEST_CASE("a fiber that parks after the process has slept has not waited for that time", "[inspect]") {
    fiber::runtime r({.processors = 2});
    fiber::chan<bool> gate, next;
    auto waits = r.go({.name = "waits"}, [gate, next]() mutable {
        static_cast<void>(gate.recv());
        static_cast<void>(next.recv());
    });
    wait_until_parked(r, "waits");
    std::this_thread::sleep_for(300ms); // all machines sleep, and sysmon, too
    auto const woken = std::chrono::steady_clock::now();
    gate.close();
    tests::eventually([&] {
        auto const found = fiber_named(r, "waits");
        return found && found->state == "parked" && found->object != nullptr && gate.closed() &&
               found->waiting <= std::chrono::steady_clock::now() - woken + 20ms;
    });
    next.close();
    waits.join();
}

TEST_CASE("a fiber in a system call is blocked, and the call is named", "[inspect]") {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    fiber::runtime r({.processors = 2});
    auto reader = r.go({.name = "reader"}, [in = ends[0]] {
        char byte;
        static_cast<void>(!::read(in, &byte, 1));
    });
    std::string const call = "read(" + std::to_string(ends[0]) + ", …)";
    bool const found = tests::eventually([&] {
        auto const f = fiber_named(r, "reader");
        return f && f->state == "blocked" && f->waits_for == call;
    });
    CHECK(found);
    CHECK(::write(ends[1], "x", 1) == 1);
    reader.join();
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST_CASE("fibers() may be called in a fiber, which is running", "[inspect]") {
    fiber::runtime r({.processors = 1});
    auto const found = r.run([&r] { return r.fibers(); });
    REQUIRE(found.size() == 1);
    CHECK(found[0].state == "running");
    CHECK(!found[0].frames.empty());
    CHECK(found[0].started_at != nullptr);
}

TEST_CASE("fibers that computes are asked for their frames", "[inspect]") {
#if defined(__SANITIZE_THREAD__)
    SUCCEED("ThreadSanitizer delays signals until the next call of the C library");
#else
    fiber::runtime r({.processors = 2});
    std::atomic<bool> stop{false};
    auto computes = r.go({.name = "computes"}, [&stop] {
        while (!stop.load())
            ;
    });
    CHECK(tests::eventually([&] {
        auto const f = fiber_named(r, "computes");
        return f && f->state == "running" && !f->frames.empty();
    }));
    stop = true;
    computes.join();
#endif
}

TEST_CASE("beyond `most` fibers are listed without frames", "[inspect]") {
    fiber::runtime r({.processors = 2});
    fiber::chan<bool> gate;
    std::vector<fiber::handle> all;
    for (int i = 0; i < 20; ++i)
        all.push_back(r.go([gate]() mutable { static_cast<void>(gate.recv()); }));
    auto const parked = [&r] {
        std::size_t n = 0;
        for (auto const& f : r.fibers())
            n += f.state == "parked";
        return n;
    };
    CHECK(tests::eventually([&] { return parked() == 20; }));
    std::size_t with_frames = 0;
    for (auto const& f : r.fibers({.most = 7}))
        with_frames += !f.frames.empty();
    CHECK(with_frames == 7);
    CHECK(r.fibers({.most = 7}).size() == 20);
    for (auto const& f : r.fibers({.backtraces = false}))
        CHECK(f.frames.empty());
    gate.close();
    for (auto& f : all)
        f.join();
}

TEST_CASE("the clock's fiber is not listed", "[inspect]") {
    auto later = fiber::after(1h);
    for (auto const& f : fiber::runtime::global().fibers())
        CHECK(f.name != "fiber alarm clock");
}

TEST_CASE("in a child of fork there are no fibers of the parent", "[inspect]") {
    fiber::chan<bool> gate;
    auto waits = fiber::go([gate]() mutable { static_cast<void>(gate.recv()); });
    CHECK(tests::in_child([] {
              auto const parents = fiber::runtime::global().fibers().size();
              fiber::latch end(1);
              auto own = fiber::go([&end] { end.wait(); });
              bool const seen = fiber::runtime::global().fibers().size() == 1;
              end.count_down();
              own.join();
              return parents == 0 && seen;
          }) == 0);
    gate.close();
    waits.join();
}
