// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// io_stress_test.cpp: waits for descriptors beside everything that moves processors between machines.

#include "tests/support/catch.hpp"
#include "tests/support/chaos.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/last_error.hpp"
#include "tests/support/tally.hpp"

#include "runtime/io/watched_descriptor.hpp"

#include <fiber/go.hpp>
#include <fiber/runtime.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace rt = fiber::rt;
using namespace std::chrono_literals;

namespace {

// Reads one byte. Looks for it anew at each deadline, which is near at random.
int read_byte(int fd, rt::file_owner owner, tests::chaos& chaos) {
    rt::watched_descriptor file(fd, owner);
    for (;;) {
        auto const seen = file.ready(rt::direction::read);
        if (seen.may_be_ready()) {
            unsigned char byte = 0;
            if (::read(fd, &byte, 1) == 1)
                return byte;
            if (tests::last_error() != EAGAIN)
                return -1;
            file.drained(rt::direction::read, seen);
        }
        auto const until = chaos.below(8) == 0 ? std::chrono::steady_clock::now() +
                                                     std::chrono::microseconds(chaos.below(300))
                                               : rt::never;
        if (file.wait(rt::direction::read, until) == rt::poll_end::failed)
            return -1;
    }
}

} // namespace

TEST_CASE("no event is lost beside hand-offs, pins, timers and changes of processors", "[io]") {
    constexpr int pairs = 16, rounds = 60 * tests::scale;
    fiber::runtime some({.processors = 3});
    tests::expect expect;
    std::vector<std::array<int, 2>> sockets(pairs);
    for (auto& s : sockets) {
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s.data()) == 0);
        for (int const fd : s)
            rt::adopt_descriptor(fd);
    }
    std::atomic<bool> stop{false};
    std::thread changes([&] {
        for (unsigned i = 0; !stop; ++i) {
            some.set_processors(1 + i % 4);
            some.go([] {}).join();
        }
    });
    std::vector<fiber::handle> all;
    for (std::size_t i = 0; i < 2 * sockets.size(); ++i)
        all.push_back(some.go([&, i] {
            tests::chaos chaos(i);
            int const fd = sockets[i / 2][i % 2];
            auto const owner = i % 3 == 0 ? rt::file_owner::program : rt::file_owner::library;
            for (int round = 0; round < rounds; ++round) {
                unsigned char const byte = static_cast<unsigned char>(round);
                auto const exchange = [&] {
                    if (i % 2 == 0)
                        expect(::write(fd, &byte, 1) == 1, "write");
                    expect(read_byte(fd, owner, chaos) == byte, "read");
                    if (i % 2 != 0)
                        expect(::write(fd, &byte, 1) == 1, "write");
                };
                switch (chaos.below(16)) {
                case 0: {
                    fiber::thread_pin const pin;
                    exchange();
                    break;
                }
                case 1:
                    fiber::blocking([&] { std::this_thread::sleep_for(std::chrono::microseconds(50)); });
                    [[fallthrough]];
                default:
                    exchange();
                }
                chaos();
            }
        }));
    for (auto& h : all)
        h.join();
    stop = true;
    changes.join();
    for (auto& s : sockets)
        for (int const fd : s) {
            rt::release_descriptor(fd);
            ::close(fd);
        }
}
