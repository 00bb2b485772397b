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
