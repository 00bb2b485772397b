// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// backtrace_test.cpp: the frames of parked fibers, wherever they have parked, and while others run.

#include "tests/support/catch.hpp"

#include "tests/inspect/found.hpp"
#include "tests/support/expect.hpp"

#include <fiber/fiber.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using tests::wait_until_parked;

namespace {

// Functions that park stand below one another in a known order. Each marks where it returns to.
fiber::chan<bool> gate_of_test() { return {}; }

struct marks {
    std::atomic<void*> outer{nullptr}; // an address in the caller of outer()
    std::atomic<void*> inner{nullptr}; // an address in outer()
};

[[gnu::noinline]] void inner(fiber::chan<bool> gate, marks& m) {
    m.inner = __builtin_return_address(0);
    static_cast<void>(gate.recv());
    asm volatile(""); // no tail call
}
[[gnu::noinline]] void outer(fiber::chan<bool> gate, marks& m) {
    m.outer = __builtin_return_address(0);
    inner(gate, m);
    asm volatile("");
}

// Returns true if the frames contain both marks, the inner one first.
bool have_marks(std::vector<void*> const& frames, marks const& m) {
    auto const in = std::find(frames.begin(), frames.end(), m.inner.load());
    return in != frames.end() && std::find(in, frames.end(), m.outer.load()) != frames.end();
}

struct parks_in_destructor {
    fiber::chan<bool> gate;
    marks& m;
    ~parks_in_destructor() { outer(gate, m); }
};

} // namespace

TEST_CASE("the frames of a parked fiber are its calls, innermost first", "[inspect]") {
    fiber::runtime r({.processors = 2});
    bool const snapshot = GENERATE(false, true);
    auto const gate = gate_of_test();
    marks m;
    auto parks = r.go({.name = "parks"}, [&] { outer(gate, m); });
    wait_until_parked(r, "parks");
    auto const found = tests::fiber_named(r, "parks", {.snapshot = snapshot});
    REQUIRE(found);
    CHECK(have_marks(found->frames, m));
    fiber::chan<bool>(gate).close();
    parks.join();
}

TEST_CASE("frames are right on a stack extension", "[inspect]") {
    fiber::runtime r({.processors = 2});
    auto const gate = gate_of_test();
    marks m;
    auto parks = r.go({.name = "parks"}, [&] { fiber::with_stack(1 << 20, [&] { outer(gate, m); }); });
    CHECK(have_marks(wait_until_parked(r, "parks").frames, m));
    fiber::chan<bool>(gate).close();
    parks.join();
}

TEST_CASE("frames are right in a destructor while an exception is thrown", "[inspect]") {
    fiber::runtime r({.processors = 2});
    auto const gate = gate_of_test();
    marks m;
    auto parks = r.go({.name = "parks"}, [&] {
        try {
            parks_in_destructor const p{gate, m};
            throw std::runtime_error("on the way");
        } catch (std::exception const&) {
        }
    });
    CHECK(have_marks(wait_until_parked(r, "parks").frames, m));
    fiber::chan<bool>(gate).close();
    parks.join();
}

TEST_CASE("a deep stack has its innermost frames", "[inspect]") {
    fiber::runtime r({.processors = 2});
    auto const gate = gate_of_test();
    marks m;
    struct recursion {
        static void run(int depth, fiber::chan<bool> const& g, marks& to) {
            if (depth == 0)
                outer(g, to);
            else
                run(depth - 1, g, to);
            asm volatile("");
        }
    };
    auto parks = r.go({.name = "parks"}, [&] { recursion::run(500, gate, m); });
    auto const frames = wait_until_parked(r, "parks").frames;
    CHECK(frames.size() >= 128);
    CHECK(have_marks(frames, m));
    fiber::chan<bool>(gate).close();
    parks.join();
}

TEST_CASE("dumps are right while fibers start, run, park and end", "[inspect]") {
    fiber::runtime r; // FIBER_PROCS gives the number of processors
    tests::expect expect;
    auto const gate = gate_of_test();
    std::vector<marks> all(50);
    std::vector<fiber::handle> parked;
    for (std::size_t i = 0; i < all.size(); ++i)
        parked.push_back(r.go({.name = "parked"}, [&m = all[i], gate] { outer(gate, m); }));
    std::atomic<bool> stop{false};
    fiber::wait_group busy;
    for (int i = 0; i < 4; ++i)
        busy.go([&] {
            fiber::chan<int> c;
            while (!stop.load()) {
                auto child = fiber::go([c]() mutable {
                    for (int k = 0; k < 10; ++k)
                        c.send(k);
                });
                for (int k = 0; k < 10; ++k)
                    expect(c.recv() == k, "a value");
                child.join();
                fiber::this_fiber::sleep_for(1us);
                fiber::this_fiber::yield();
            }
        });
    auto const is_complete = [&](std::vector<fiber::fiber_info> const& list) {
        std::size_t right = 0;
        for (auto const& f : list)
            right += f.name == "parked" && std::any_of(all.begin(), all.end(), [&](marks const& m) {
                         return m.outer != nullptr && have_marks(f.frames, m);
                     });
        return right == all.size();
    };
    CHECK(tests::eventually([&] { return is_complete(r.fibers()); }));
    // The number of dumps in all, of which an OS thread takes one half.
    char const* const wanted = std::getenv("FIBER_TEST_DUMPS");
    int const rounds = (wanted != nullptr ? std::atoi(wanted) : 1000) / 2;
    std::thread other([&] {
        for (int i = 0; i < rounds; ++i)
            expect(is_complete(r.fibers()), "a dump of an OS thread");
    });
    for (int i = 0; i < rounds; ++i)
        r.run([&] { expect(is_complete(r.fibers()), "a dump of a fiber"); });
    other.join();
    stop = true;
    busy.wait();
    fiber::chan<bool>(gate).close();
    for (auto& f : parked)
        f.join();
}

TEST_CASE("a snapshot shows the fiber that its caller has just started", "[inspect]") {
    fiber::runtime r({.processors = 2});
    fiber::chan<bool> gate;
    std::vector<fiber::handle> all;
    for (std::size_t n = 1; n <= 300; n += 30) {
        while (all.size() < n)
            all.push_back(r.go([gate]() mutable { static_cast<void>(gate.recv()); }));
        CHECK(r.fibers({.snapshot = true}).size() == n);
    }
    gate.close();
    for (auto& f : all)
        f.join();
}
