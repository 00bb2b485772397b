// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// netpoller_test.cpp: waits for descriptors, below fiber::io and fiber::net.

#include "tests/support/catch.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/last_error.hpp"

#include "runtime/io/watched_descriptor.hpp"

#include <fiber/go.hpp>
#include <fiber/runtime.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace rt = fiber::rt;
using namespace std::chrono_literals;

namespace {

using clock_type = std::chrono::steady_clock;

// Two connected, non-blocking sockets.
struct socket_pair {
    socket_pair() {
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()) == 0);
        for (int const fd : fds)
            rt::adopt_descriptor(fd);
    }
    ~socket_pair() {
        for (int const fd : fds)
            if (fd >= 0) {
                rt::release_descriptor(fd);
                ::close(fd);
            }
    }
    socket_pair(socket_pair const&) = delete;
    socket_pair& operator=(socket_pair const&) = delete;
    std::array<int, 2> fds{};
};

// Reads one byte as fiber::net does. Returns -1 if the wait ends otherwise.
int read_byte(int fd, rt::file_owner owner, clock_type::time_point deadline = rt::never) {
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
        if (file.wait(rt::direction::read, deadline) != rt::poll_end::ready)
            return -1;
    }
}

void write_byte(int fd, unsigned char byte) { static_cast<void>(!::write(fd, &byte, 1)); }

} // namespace

TEST_CASE("a fiber that waits for a descriptor parks until there is data", "[netpoller]") {
    for (auto const owner : {rt::file_owner::library, rt::file_owner::program}) {
        socket_pair s;
        std::atomic<bool> began{false};
        auto reader = fiber::go([&] {
            began = true;
            return read_byte(s.fds[0], owner);
        });
        auto writer = fiber::go([&] {
            while (!began)
                fiber::this_fiber::yield();
            write_byte(s.fds[1], 7);
        });
        reader.join();
        writer.join();
    }
    SUCCEED();
}

TEST_CASE("fibers exchange bytes over sockets", "[netpoller]") {
    constexpr int pairs = 20, rounds = 500;
    tests::expect expect;
    std::vector<socket_pair> sockets(pairs);
    std::vector<fiber::handle> all;
    for (auto& s : sockets) {
        all.push_back(fiber::go([&] {
            for (int i = 0; i < rounds; ++i) {
                write_byte(s.fds[0], static_cast<unsigned char>(i));
                expect(read_byte(s.fds[0], rt::file_owner::library) == (i + 1) % 256, "answer");
            }
        }));
        all.push_back(fiber::go([&] {
            for (int i = 0; i < rounds; ++i) {
                int const got = read_byte(s.fds[1], rt::file_owner::program);
                expect(got == i % 256, "question");
                write_byte(s.fds[1], static_cast<unsigned char>(got + 1));
            }
        }));
    }
    for (auto& h : all)
        h.join();
}

TEST_CASE("a wait ends at its deadline", "[netpoller]") {
    socket_pair s;
    fiber::run([&] {
        auto const until = clock_type::now() + 5ms;
        CHECK(read_byte(s.fds[0], rt::file_owner::library, until) == -1);
        CHECK(clock_type::now() >= until);
        write_byte(s.fds[1], 3);
        CHECK(read_byte(s.fds[0], rt::file_owner::library, clock_type::now() + 1h) == 3);
    });
}

TEST_CASE("a wait for a regular file or a closed number ends at once", "[netpoller]") {
    int const file = ::open("/proc/self/exe", O_RDONLY);
    REQUIRE(file >= 0);
    fiber::run([&] {
        rt::watched_descriptor regular(file, rt::file_owner::program);
        regular.drained(rt::direction::read, regular.ready(rt::direction::read));
        CHECK(regular.wait(rt::direction::read, rt::never) == rt::poll_end::not_pollable);
        rt::watched_descriptor closed(1'000'000, rt::file_owner::program);
        closed.drained(rt::direction::read, closed.ready(rt::direction::read));
        CHECK(closed.wait(rt::direction::read, rt::never) == rt::poll_end::failed);
        CHECK(tests::last_error() == EBADF);
    });
    ::close(file);
}

TEST_CASE("a program may close a descriptor and reuse its number", "[netpoller]") {
    constexpr int rounds = 50;
    tests::expect expect;
    socket_pair s;
    int const number = s.fds[0];
    int const keeps_old_file = ::dup(number);
    for (int i = 0; i < rounds; ++i) {
        auto before = fiber::go([&] { return read_byte(number, rt::file_owner::program); });
        write_byte(s.fds[1], 1); // the number is in the set now, or never
        before.join();
        socket_pair other;
        REQUIRE(::dup2(other.fds[0], number) == number); // closes the old file behind the netpoller's back
        std::atomic<bool> began{false};
        auto reader = fiber::go([&] {
            began = true;
            expect(read_byte(number, rt::file_owner::program) == 9, "the byte of the new file");
        });
        while (!began)
            std::this_thread::yield();
        write_byte(other.fds[1], 9);
        reader.join();
        REQUIRE(::dup2(keeps_old_file, number) == number);
    }
    ::close(keeps_old_file);
}

TEST_CASE("release_descriptor wakes all waiters", "[netpoller]") {
    socket_pair s;
    std::atomic<bool> closed{false};
    std::vector<fiber::handle> all;
    for (int i = 0; i < 10; ++i)
        all.push_back(fiber::go([&, d = i % 2 == 0 ? rt::direction::read : rt::direction::write] {
            rt::watched_descriptor file(s.fds[0], rt::file_owner::library);
            for (;;) {
                auto const seen = file.ready(d);
                if (closed)
                    return;
                file.drained(d, seen);
                static_cast<void>(file.wait(d, rt::never));
            }
        }));
    fiber::run([] { fiber::this_fiber::yield(); });
    closed = true;
    rt::release_descriptor(s.fds[0]);
    for (auto& h : all)
        h.join();
    SUCCEED();
}

TEST_CASE("wait_for_any waits for several descriptors", "[netpoller]") {
    socket_pair a, b;
    fiber::run([&] {
        std::array<rt::poll_request, 3> const both{
            {{a.fds[0], rt::direction::read}, {-1, rt::direction::read}, {b.fds[0], rt::direction::read}}};
        for (int const fd : {a.fds[0], b.fds[0]}) { // they begin as ready
            rt::watched_descriptor file(fd, rt::file_owner::program);
            file.drained(rt::direction::read, file.ready(rt::direction::read));
        }
        CHECK(rt::wait_for_any(both, clock_type::now() + 2ms) == rt::poll_end::timed_out);
        auto writer = fiber::go([&] { write_byte(b.fds[1], 1); });
        CHECK(rt::wait_for_any(both, rt::never) == rt::poll_end::ready);
        writer.join();
        CHECK(read_byte(b.fds[0], rt::file_owner::program) == 1);
    });
}

TEST_CASE("OS threads wait for the library's descriptors, too", "[netpoller]") {
    socket_pair s;
    auto answer = fiber::go([&] {
        int const got = read_byte(s.fds[1], rt::file_owner::library);
        write_byte(s.fds[1], static_cast<unsigned char>(got + 1));
    });
    write_byte(s.fds[0], 4);
    CHECK(read_byte(s.fds[0], rt::file_owner::library) == 5);
    answer.join();
}

TEST_CASE("a fiber that computes does not keep data from other fibers", "[netpoller]") {
    socket_pair s;
    std::atomic<bool> got{false};
    auto reader = fiber::go([&] {
        static_cast<void>(read_byte(s.fds[0], rt::file_owner::library));
        got = true;
    });
    auto computing = fiber::go([&] {
        write_byte(s.fds[1], 1);
        while (!got) {
        }
    });
    computing.join();
    reader.join();
    CHECK(got);
}

TEST_CASE("a machine that waits for descriptors is woken for fibers, and for timers", "[netpoller]") {
    socket_pair s;
    auto reader = fiber::go([&] { return read_byte(s.fds[0], rt::file_owner::library); });
    for (int i = 0; i < 200; ++i)
        fiber::go([] {}).join();
    fiber::run([] { fiber::this_fiber::sleep_for(3ms); });
    write_byte(s.fds[1], 1);
    reader.join();
    SUCCEED();
}

TEST_CASE("runtimes have netpollers of their own", "[netpoller]") {
    for (int i = 0; i < 20; ++i) {
        socket_pair s;
        fiber::runtime a({.processors = 1}), b({.processors = 2});
        auto reader = a.go([&] { return read_byte(s.fds[0], rt::file_owner::library); });
        auto writer = b.go([&] {
            write_byte(s.fds[1], 1);
            return read_byte(s.fds[1], rt::file_owner::library);
        });
        reader.join();
        write_byte(s.fds[0], 2);
        writer.join();
    }
    SUCCEED();
}

TEST_CASE("a fiber that blocks does not keep data from other fibers", "[netpoller]") {
    constexpr int rounds = 20;
    tests::expect expect;
    for (bool const says_so : {true, false})
        for (int i = 0; i < rounds; ++i) {
            socket_pair s;
            std::array<int, 2> pipe{};
            REQUIRE(::pipe(pipe.data()) == 0);
            auto reader = fiber::go([&] {
                expect(read_byte(s.fds[0], rt::file_owner::library) == 1, "data");
                write_byte(pipe[1], 2);
            });
            auto blocked = fiber::go([&] {
                auto const block = [&] {
                    write_byte(s.fds[1], 1);
                    unsigned char byte = 0;
                    expect(::read(pipe[0], &byte, 1) == 1, "the other fiber's byte"); // blocks the thread
                };
                says_so ? fiber::blocking(block) : block();
            });
            reader.join();
            blocked.join();
            for (int const fd : pipe)
                ::close(fd);
        }
}

TEST_CASE("a pinned fiber waits for descriptors", "[netpoller]") {
    socket_pair s;
    auto pinned = fiber::go([&] {
        fiber::thread_pin const pin;
        for (int i = 0; i < 10; ++i)
            if (read_byte(s.fds[0], rt::file_owner::library) == i)
                write_byte(s.fds[0], static_cast<unsigned char>(i));
    });
    for (int i = 0; i < 10; ++i) {
        write_byte(s.fds[1], static_cast<unsigned char>(i));
        CHECK(read_byte(s.fds[1], rt::file_owner::library) == i);
    }
    pinned.join();
}

TEST_CASE("the number of processors changes while fibers wait", "[netpoller]") {
    fiber::runtime some({.processors = 4});
    tests::expect expect;
    std::atomic<bool> stop{false};
    std::vector<socket_pair> sockets(8);
    std::vector<fiber::handle> all;
    for (auto& s : sockets) {
        all.push_back(some.go([&] {
            for (unsigned char last = 1; last != 0;) {
                last = stop ? 0 : 1;
                write_byte(s.fds[0], last);
                expect(read_byte(s.fds[0], rt::file_owner::library) == last, "the same byte");
            }
        }));
        all.push_back(some.go([&] {
            for (int got = 1; got > 0;) {
                got = read_byte(s.fds[1], rt::file_owner::library);
                write_byte(s.fds[1], static_cast<unsigned char>(got));
            }
        }));
    }
    for (int i = 0; i < 100; ++i) {
        some.set_processors(1 + static_cast<unsigned>(i) * 5 % 8);
        some.run([] { fiber::this_fiber::yield(); });
    }
    stop = true;
    for (auto& h : all)
        h.join();
}
