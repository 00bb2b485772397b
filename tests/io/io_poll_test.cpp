// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// io_poll_test.cpp: poll, ppoll, wait_readable, wait_writable.

#include "tests/support/descriptors.hpp"

#include <fiber/io.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace io = fiber::io;
using namespace std::chrono_literals;

namespace {

using steady = std::chrono::steady_clock;

void fill(int fd) {
    std::string const text(100'000, 'f');
    while (::send(fd, text.data(), text.size(), MSG_DONTWAIT) > 0)
        ;
}

} // namespace

TEST_CASE("poll reports what is ready, and ignores negative descriptors", "[io]") {
    tests::in_fiber_and_thread([] {
        auto const a = tests::pipe_pair();
        auto const b = tests::tcp_sockets();
        int const closed = ::dup(a.in.get());
        ::close(closed);
        pollfd files[] = {
            {a.in.get(), POLLIN, 0}, {-1, POLLIN, 77}, {b.out.get(), POLLOUT, 0}, {b.in.get(), 0, 0}};
        CHECK(io::poll(files, 4, -1) == 1);
        CHECK(files[0].revents == 0);
        CHECK(files[1].revents == 0);
        CHECK(files[2].revents == POLLOUT);
        files[0].fd = closed;
        CHECK(io::poll(files, 1, -1) == 1);
        CHECK(files[0].revents == POLLNVAL);
        CHECK(io::poll(files + 1, 1, 0) == 0);
        CHECK(io::poll(nullptr, 0, 0) == 0);
    });
}

TEST_CASE("poll parks until one of many descriptors is ready", "[io]") {
    tests::expect expect;
    std::vector<tests::descriptor_pair> pairs;
    std::vector<pollfd> files;
    for (int i = 0; i < 30; ++i) {
        pairs.push_back(i % 2 == 0 ? tests::pipe_pair() : tests::tcp_sockets());
        files.push_back({pairs.back().in.get(), POLLIN, 0});
    }
    files.push_back({-1, POLLIN, 0});
    for (std::size_t const n : {1u, 2u, 31u})
        for (std::size_t ready : {0u, 29u}) {
            ready = std::min(ready, n - 1);
            tests::expect_parks(
                [&] {
                    expect(io::poll(files.data(), n, -1) == 1 && files[ready].revents == POLLIN, "poll");
                    char c = 0;
                    expect(io::read(files[ready].fd, &c, 1) == 1, "read");
                },
                [&] { expect(::write(pairs[ready].out.get(), "x", 1) == 1, "write"); });
        }
}

TEST_CASE("poll parks until there is room, or a peer is gone", "[io]") {
    tests::expect expect;
    auto p = tests::unix_sockets();
    fill(p.out.get());
    pollfd file{p.out.get(), POLLOUT, 0};
    tests::expect_parks([&] { expect(io::poll(&file, 1, -1) == 1 && file.revents == POLLOUT, "room"); },
                        [&] {
                            std::string room(100'000, '\0');
                            while (::recv(p.in.get(), room.data(), room.size(), MSG_DONTWAIT) > 0)
                                ;
                        });
    fill(p.out.get());
    tests::expect_parks([&] { expect(io::poll(&file, 1, -1) == 1 && (file.revents & POLLHUP) != 0, "gone"); },
                        [&] { p.in.close(); });
}

TEST_CASE("poll waits for events for which the netpoller has no edge", "[io]") {
    tests::expect expect;
    auto p = tests::tcp_sockets();
    fiber::run([&] {
        expect(::write(p.out.get(), "x", 1) == 1, "write"); // readable, which is not asked for
        pollfd urgent{p.in.get(), POLLPRI, 0};
        expect(io::poll(&urgent, 1, 10) == 0, "no urgent data");
        auto poller = fiber::go([&] { expect(io::poll(&urgent, 1, -1) == 1, "urgent data"); });
        fiber::this_fiber::yield();
        expect(::send(p.out.get(), "!", 1, MSG_OOB) == 1, "send");
        poller.join();
        pollfd end{p.in.get(), POLLRDHUP, 0};
        auto waiter = fiber::go([&] { expect(io::poll(&end, 1, -1) == 1, "the end"); });
        fiber::this_fiber::yield();
        p.out.close();
        waiter.join();
        expect(io::poll(&end, 1, -1) == 1, "the end again");
    });
    auto q = tests::pipe_pair();
    fiber::run([&] {
        pollfd gone{q.out.get(), 0, 0};
        auto waiter = fiber::go([&] { expect(io::poll(&gone, 1, -1) == 1, "no reader"); });
        fiber::this_fiber::yield();
        q.in.close();
        waiter.join();
    });
}

TEST_CASE("poll and ppoll return 0 at their timeouts, and not before", "[io]") {
    tests::in_fiber_and_thread([] {
        auto const p = tests::pipe_pair();
        pollfd file{p.in.get(), POLLIN, 0};
        auto start = steady::now();
        CHECK(io::poll(&file, 1, 20) == 0);
        CHECK(steady::now() - start >= 20ms);
        start = steady::now();
        CHECK(io::poll(nullptr, 0, 20) == 0);
        CHECK(steady::now() - start >= 20ms);
        timespec timeout{0, 10'000'000};
        start = steady::now();
        CHECK(io::ppoll(&file, 1, &timeout, nullptr) == 0);
        CHECK(steady::now() - start >= 10ms);
        CHECK(timeout.tv_nsec == 10'000'000);
        timeout.tv_nsec = -1;
        CHECK(io::ppoll(&file, 1, &timeout, nullptr) == -1);
        CHECK(tests::last_error() == EINVAL);
        timeout = {0, 1'000'000};
        sigset_t none;
        sigemptyset(&none);
        CHECK(io::ppoll(&file, 1, &timeout, &none) == 0);
        CHECK(::write(p.out.get(), "x", 1) == 1);
        CHECK(io::ppoll(&file, 1, nullptr, nullptr) == 1);
        CHECK(io::ppoll(&file, 1, nullptr, &none) == 1);
    });
}

TEST_CASE("wait_readable and wait_writable park until ready, or until the deadline", "[io]") {
    tests::expect expect;
    for (auto make : {+[] { return tests::unix_sockets(); }, +[] { return tests::tcp_sockets(); }}) {
        auto p = make();
        tests::expect_parks([&] { expect(io::wait_readable(p.in.get()), "data"); },
                            [&] { expect(::write(p.out.get(), "x", 1) == 1, "write"); });
        fiber::run([&] {
            expect(io::wait_readable(p.in.get(), steady::time_point::min()),
                   "ready, although the deadline is over");
            char c = 0;
            expect(io::read(p.in.get(), &c, 1) == 1, "read");
            expect(!io::wait_readable(p.in.get(), steady::now()), "not ready");
            auto const deadline = steady::now() + 10ms;
            expect(!io::wait_readable(p.in.get(), deadline) && steady::now() >= deadline, "deadline");
            expect(io::wait_writable(p.out.get()), "room");
            fill(p.out.get());
            expect(!io::wait_writable(p.out.get(), steady::now() + 10ms), "no room");
        });
        tests::expect_parks([&] { expect(io::wait_readable(p.out.get()), "the end"); },
                            [&] { p.in.close(); });
    }
    std::thread([&] {
        auto const p = tests::pipe_pair();
        expect(!io::wait_readable(p.in.get(), steady::now() + 10ms), "deadline in a thread");
        expect(io::wait_writable(p.out.get()), "room in a thread");
        expect(::write(p.out.get(), "x", 1) == 1, "write");
        expect(io::wait_readable(p.in.get()), "data in a thread");
    }).join();
}

TEST_CASE("a read after a poll finds what the poll has seen", "[io][exact]") {
    tests::expect expect;
    auto const p = tests::tcp_sockets();
    fiber::run([&] {
        auto reader = fiber::go([&] {
            for (int i = 0; i < 1000; ++i) {
                pollfd file{p.in.get(), POLLIN, 0};
                char buffer[100];
                if (!expect(io::poll(&file, 1, -1) == 1, "poll") ||
                    !expect(io::recv(p.in.get(), buffer, sizeof buffer, MSG_DONTWAIT) == 1, "data"))
                    return;
                expect(io::write(p.in.get(), "y", 1) == 1, "answer");
            }
        });
        for (int i = 0; i < 1000; ++i) {
            char c = 0;
            if (!expect(io::write(p.out.get(), "x", 1) == 1, "write") ||
                !expect(io::read(p.out.get(), &c, 1) == 1, "read"))
                break;
        }
        reader.join();
    });
}
