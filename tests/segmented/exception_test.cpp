// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// Exceptions and backtraces across the ends of segments.

#include "tests/segmented/at_each_depth.hpp"
#include "tests/support/catch.hpp"

#include <fiber/fiber.hpp>

#include <array>
#include <exception>
#include <execinfo.h>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct counts_its_end {
    int& ended;
    int& in_flight;
    ~counts_its_end() {
        ++ended;
        in_flight += std::uncaught_exceptions();
    }
};

// Throws from `frames` frames further down. Each frame has an object to destroy.
[[gnu::noinline]] void sink_and_throw(int frames, int& ended, int& in_flight) {
    counts_its_end const each{ended, in_flight};
    if (frames == 0)
        throw std::runtime_error("thrown so far down that it does not fit into a short string");
    sink_and_throw(frames - 1, ended, in_flight);
}

[[gnu::noinline]] void catch_and_rethrow(int frames, int& ended, int& in_flight) {
    try {
        sink_and_throw(frames, ended, in_flight);
    } catch (std::logic_error const&) {
        FAIL("the wrong handler");
    } catch (...) {
        try {
            throw 7;
        } catch (int) {
        }
        throw;
    }
}

TEST_CASE("an exception passes each end of a segment and destroys each object on the way", "[segmented]") {
    int ended = 0, in_flight = 0, caught = 0;
    tests::at_each_depth([&] {
        try {
            sink_and_throw(3, ended, in_flight);
        } catch (std::runtime_error const& e) {
            caught += std::string(e.what()).size() > 40 ? 1 : 0;
        }
    });
    CHECK(caught == tests::depths);
    CHECK(ended == 4 * tests::depths);
    CHECK(in_flight == 4 * tests::depths);
}

TEST_CASE("a handler at each end of a segment rethrows its exception", "[segmented]") {
    int ended = 0, in_flight = 0, caught = 0;
    tests::at_each_depth([&] {
        try {
            catch_and_rethrow(2, ended, in_flight);
        } catch (std::runtime_error const&) {
            caught += std::uncaught_exceptions() == 0 ? 1 : 0;
        }
    });
    CHECK(caught == tests::depths);
    CHECK(ended == 3 * tests::depths);
}

TEST_CASE("a handler parking at each end of a segment keeps its exception", "[segmented]") {
    fiber::chan<int> tick;
    fiber::handle const source = fiber::go([=] {
        for (int n = 0; n < tests::depths; ++n)
            tick.send(n);
    });
    int ended = 0, in_flight = 0, caught = 0;
    tests::at_each_depth([&] {
        try {
            try {
                sink_and_throw(1, ended, in_flight);
            } catch (...) {
                static_cast<void>(tick.recv());
                throw;
            }
        } catch (std::runtime_error const&) {
            ++caught;
        }
    });
    CHECK(caught == tests::depths);
}

TEST_CASE("an exception passes through thousands of segments", "[segmented]") {
    int ended = 0, in_flight = 0;
    bool caught = false;
    fiber::run([&] {
        try {
            sink_and_throw(500'000, ended, in_flight);
        } catch (std::runtime_error const&) {
            caught = true;
        }
    });
    CHECK(caught);
    CHECK(ended == 500'001);
}

TEST_CASE("a failed allocation of the standard library throws on a small segment, too", "[segmented]") {
    int caught = 0;
    tests::at_each_depth([&] {
        try {
            std::vector<char> all(static_cast<std::size_t>(PTRDIFF_MAX));
            tests::keep(all);
        } catch (std::bad_alloc const&) {
            ++caught;
        }
        try {
            static_cast<void>(std::string("abc").at(7));
        } catch (std::out_of_range const&) {
            ++caught;
        }
    });
    CHECK(caught == 2 * tests::depths);
}

TEST_CASE("a backtrace crosses the ends of segments to the fiber's first frame", "[segmented]") {
    std::array<void*, 2 * tests::depths> frames{};
    std::vector<int> counts;
    counts.reserve(tests::depths);
    tests::at_each_depth(
        [&] { counts.push_back(::backtrace(frames.data(), static_cast<int>(frames.size()))); });
    bool each_has_one_more = true;
    for (std::size_t n = 1; n < counts.size(); ++n) // or two more, with __morestack
        each_has_one_more =
            each_has_one_more && counts[n] > counts[n - 1] - 2 && counts[n] <= counts[n - 1] + 3;
    CHECK(each_has_one_more);
    CHECK(counts.front() > 3);
    CHECK(counts.back() >= counts.front() + tests::depths - 1);
}

} // namespace
