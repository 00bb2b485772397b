// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// hook_close_test.cpp: [hook.close] and [registered]: no wait outlives the close() of its number.

#include "tests/support/descriptors.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/last_error.hpp"
#include "tests/support/sockets.hpp"

#include <fiber/go.hpp>
#include <fiber/runtime.hpp>

#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <functional>
#include <thread>
#include <unistd.h>

namespace {

// Reads from the number in a fiber, and expects EBADF.
fiber::thread reads_a_closed_number(int fd, tests::expect& expect) {
    return fiber::thread([fd, &expect] {
        char c = 0;
        expect(::read(fd, &c, 1) == -1, "read fails");
        expect(tests::last_error() == EBADF, "with EBADF");
    });
}

} // namespace

TEST_CASE("close in an OS thread ends a wait that begins at the same time", "[hook]") {
    tests::expect expect;
    auto const pair = tests::tcp_sockets();
    for (int round = 0; round < 2'000; ++round) {
        int const copy = ::dup(pair.in.get());
        std::atomic<bool> closes{false};
        std::thread closer([&] {
            while (!closes.load())
                std::this_thread::yield();
            ::close(copy);
        });
        auto reader = reads_a_closed_number(copy, expect);
        closes = true;
        closer.join();
        reader.join();
    }
}

TEST_CASE("close ends the waits for numbers that share a bit", "[hook]") {
    tests::descriptor_limit const room(20'000);
    tests::expect expect;
    auto const pair = tests::tcp_sockets();
    int const low = ::dup(pair.in.get());
    int const high = ::fcntl(pair.in.get(), F_DUPFD_CLOEXEC, low + 2 * 4096);
    REQUIRE(high == low + 2 * 4096);
    auto const before = fiber::runtime::global().stats().hooked_parked;
    auto lower = reads_a_closed_number(low, expect);
    auto higher = reads_a_closed_number(high, expect);
    tests::until([&] { return fiber::runtime::global().stats().hooked_parked >= before + 2; });
    CHECK(::close(low) == 0);
    lower.join();
    CHECK(::close(high) == 0);
    higher.join();
}

TEST_CASE("dup2, dup3, close_range and closefrom end the waits for the numbers that they close", "[hook]") {
    tests::descriptor_limit const room(20'000);
    tests::expect expect;
    auto const pair = tests::tcp_sockets();
    auto const other = tests::tcp_sockets();
    constexpr int high = 10'000; // above all others
    using closing_call = std::function<int()>;
    for (closing_call const& call : {
             closing_call([&] { return ::dup2(other.in.get(), high); }),
             closing_call([&] { return ::dup3(other.in.get(), high, O_CLOEXEC); }),
             closing_call([&] { return ::close_range(high, ~0U, 0); }),
             closing_call([&] { return ::closefrom(high - 1), 0; }),
         }) {
        REQUIRE(::fcntl(pair.in.get(), F_DUPFD_CLOEXEC, high) == high);
        auto const before = fiber::runtime::global().stats().hooked_parked;
        auto reader = reads_a_closed_number(high, expect);
        tests::until([&] { return fiber::runtime::global().stats().hooked_parked >= before + 1; });
        CHECK(call() != -1);
        reader.join();
        ::close(high);
    }
}

TEST_CASE("dup2 and close_range that close nothing leave the waits alone", "[hook]") {
    tests::expect expect;
    auto const pair = tests::tcp_sockets();
    int const in = pair.in.get();
    auto const before = fiber::runtime::global().stats().hooked_parked;
    fiber::thread reader([&] {
        char c = 0;
        expect(::read(in, &c, 1) == 1, "read");
    });
    tests::until([&] { return fiber::runtime::global().stats().hooked_parked >= before + 1; });
    CHECK(::dup2(in, in) == in);
    CHECK(::dup2(-1, in) == -1);
    CHECK(tests::last_error() == EBADF);
    CHECK(::close_range(static_cast<unsigned>(in), static_cast<unsigned>(in), CLOSE_RANGE_CLOEXEC) == 0);
    CHECK(::write(pair.out.get(), "x", 1) == 1);
    reader.join();
}

TEST_CASE("a fiber that reads while dup2 replaces its number reads the new file or fails", "[hook]") {
    tests::expect expect;
    auto const silent = tests::tcp_sockets();
    for (int round = 0; round < 2'000; ++round) {
        auto const speaks = tests::pipe_pair();
        expect(::write(speaks.out.get(), "x", 1) == 1, "write");
        int const number = ::dup(silent.in.get());
        std::atomic<bool> replaces{false};
        std::thread replacer([&] {
            while (!replaces.load())
                std::this_thread::yield();
            ::dup2(speaks.in.get(), number);
        });
        fiber::thread reader([&] {
            char c = 0;
            auto const n = ::read(number, &c, 1);
            expect(n == 1 ? c == 'x' : n == -1 && tests::last_error() == EBADF, "the new file, or EBADF");
        });
        replaces = true;
        replacer.join();
        reader.join();
        ::close(number);
    }
}
