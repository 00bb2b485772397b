// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// hook_calls_test.cpp: plain calls of the C library in fibers, with the hook library linked in.

#include "tests/hook/short_wait.hpp"
#include "tests/support/descriptors.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/last_error.hpp"
#include "tests/support/sockets.hpp"

#include <fiber/hook.hpp>
#include <fiber/runtime.hpp>
#include <fiber/wait_group.hpp>

#include <arpa/inet.h>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <functional>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <thread>
#include <threads.h>
#include <unistd.h>
#include <vector>

using namespace std::chrono_literals;

namespace {

using steady = std::chrono::steady_clock;

// Runs wait() in many fibers, until all of them have parked; then release(i) for each. Checks that the waits
// have cost no OS threads.
void check_parks(int fibers, std::function<void(int)> const& wait, std::function<void(int)> const& release) {
    fiber::runtime here({.processors = 2});
    auto const before = here.stats();
    fiber::wait_group all;
    for (int i = 0; i < fibers; ++i) {
        all.add();
        here.go([&, i] {
            wait(i);
            all.done();
        });
    }
    auto const has_parked = [&] {
        return here.stats().hooked_parked - before.hooked_parked >= static_cast<unsigned>(fibers);
    };
    tests::until(has_parked);
    for (int i = 0; i < fibers; ++i)
        release(i);
    all.wait();
    CHECK(here.stats().machines <= 2 + 4);
}

template <class Make>
std::vector<tests::descriptor_pair> many(Make const& make, int n) {
    std::vector<tests::descriptor_pair> pairs;
    for (int i = 0; i < n; ++i)
        pairs.push_back(make());
    return pairs;
}

void put(int fd) {
    char const c = 'x';
    REQUIRE(::write(fd, &c, 1) == 1);
}

constexpr int waiters = 100;

} // namespace

TEST_CASE("the program's read is that of the hook library", "[hook]") { CHECK(fiber::hook::active()); }

TEST_CASE("a plain read of a socket or a pipe that blocks parks the fiber", "[hook]") {
    for (auto const make : {+[] { return tests::tcp_sockets(); }, +[] { return tests::pipe_pair(); }}) {
        auto const pairs = many(make, waiters);
        tests::expect expect;
        check_parks(
            waiters,
            [&](int i) {
                char c = 0;
                expect(::read(pairs[static_cast<std::size_t>(i)].in.get(), &c, 1) == 1 && c == 'x', "read");
            },
            [&](int i) { put(pairs[static_cast<std::size_t>(i)].out.get()); });
    }
}

TEST_CASE("plain poll, select and epoll_wait park the fiber", "[hook]") {
    auto const pairs = many([] { return tests::tcp_sockets(); }, waiters);
    tests::expect expect;
    check_parks(
        waiters,
        [&](int i) {
            int const fd = pairs[static_cast<std::size_t>(i)].in.get();
            if (i % 4 == 0) {
                pollfd file{fd, POLLIN, 0};
                expect(::poll(&file, 1, -1) == 1 && file.revents == POLLIN, "poll");
            } else if (i % 5 == 1) {
                fd_set set;
                FD_ZERO(&set);
                FD_SET(fd, &set);
                expect(::select(fd + 1, &set, nullptr, nullptr, nullptr) == 1 && FD_ISSET(fd, &set),
                       "select");
            } else if (i % 4 == 2) {
                fd_set set;
                FD_ZERO(&set);
                FD_SET(fd, &set);
                timespec const timeout{100, 0};
                expect(::pselect(fd + 1, &set, nullptr, nullptr, &timeout, nullptr) == 1, "pselect");
            } else {
                int const epoll = ::epoll_create1(0);
                epoll_event event{};
                event.events = EPOLLIN;
                event.data.fd = fd;
                expect(::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
                expect(::epoll_wait(epoll, &event, 1, -1) == 1 && event.data.fd == fd, "epoll_wait");
                ::close(epoll);
            }
        },
        [&](int i) { put(pairs[static_cast<std::size_t>(i)].out.get()); });
}

TEST_CASE("accept parks, and connect makes the connection", "[hook]") {
    tests::inet_address at;
    auto const listener = tests::listening_socket(at);
    tests::expect expect;
    auto const before = fiber::runtime::global().stats().hooked_parked;
    fiber::run([&] {
        fiber::wait_group both;
        both.go([&] {
            int const fd = ::accept(listener.get(), nullptr, nullptr);
            expect(fd >= 0, "accept");
            ::close(fd);
        });
        both.go([&] {
            tests::until([&] { return fiber::runtime::global().stats().hooked_parked > before; });
            int const fd = ::socket(AF_INET, SOCK_STREAM, 0);
            expect(::connect(fd, at.get(), at.size) == 0, "connect");
            char c = 0;
            expect(::recv(fd, &c, 1, 0) == 0, "the end");
            ::close(fd);
        });
        both.wait();
    });
    CHECK(fiber::runtime::global().stats().hooked_parked >= before + 2);
}

TEST_CASE("sleeps park, and do not end early", "[hook]") {
    tests::expect expect;
    auto const start = steady::now();
    check_parks(
        waiters,
        [&](int i) {
            auto const begin = steady::now();
            timespec length{0, 200'000'000};
            if (i % 5 == 0)
                expect(::usleep(200'000) == 0, "usleep");
            else if (i % 5 == 1)
                expect(::nanosleep(&length, nullptr) == 0, "nanosleep");
            else if (i % 5 == 2)
                expect(::thrd_sleep(&length, nullptr) == 0, "thrd_sleep");
            else if (i % 5 == 3)
                expect(::clock_nanosleep(CLOCK_MONOTONIC, 0, &length, nullptr) == 0, "clock_nanosleep");
            else
                std::this_thread::sleep_for(200ms);
            expect(steady::now() - begin >= 200ms, "not early");
        },
        [](int) {});
    CHECK(steady::now() - start < 10s);
    fiber::run([&] {
        timespec when{};
        ::clock_gettime(CLOCK_REALTIME, &when);
        when.tv_nsec += 50'000'000;
        when.tv_sec += when.tv_nsec / 1'000'000'000;
        when.tv_nsec %= 1'000'000'000;
        CHECK(::clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &when, nullptr) == 0);
        timespec now{};
        ::clock_gettime(CLOCK_REALTIME, &now);
        CHECK((now.tv_sec > when.tv_sec || (now.tv_sec == when.tv_sec && now.tv_nsec >= when.tv_nsec)));
        CHECK(::clock_nanosleep(CLOCK_MONOTONIC, 0, nullptr, nullptr) == EFAULT);
        timespec const bad{0, -1};
        CHECK(::nanosleep(&bad, nullptr) == -1);
        CHECK(tests::last_error() == EINVAL);
    });
}

TEST_CASE("select leaves the rest of its timeout, and reports bad descriptors", "[hook]") {
    fiber::run([] {
        auto const pair = tests::pipe_pair();
        fd_set set;
        FD_ZERO(&set);
        FD_SET(pair.in.get(), &set);
        timeval timeout{0, 30'000};
        CHECK(::select(pair.in.get() + 1, &set, nullptr, nullptr, &timeout) == 0);
        CHECK(!FD_ISSET(pair.in.get(), &set));
        CHECK(timeout.tv_sec == 0);
        CHECK(timeout.tv_usec == 0);
        timeout = {50, 0};
        put(pair.out.get());
        FD_SET(pair.in.get(), &set);
        CHECK(::select(pair.in.get() + 1, &set, nullptr, nullptr, &timeout) == 1);
        CHECK(timeout.tv_sec >= 40);
        int const closed = ::dup(pair.in.get());
        ::close(closed);
        FD_ZERO(&set);
        FD_SET(closed, &set);
        CHECK(::select(closed + 1, &set, nullptr, nullptr, nullptr) == -1);
        CHECK(tests::last_error() == EBADF);
    });
}

TEST_CASE("O_NONBLOCK and SO_RCVTIMEO keep their meaning", "[hook]") {
    fiber::run([] {
        auto const pair = tests::tcp_sockets();
        char c = 0;
        timeval const timeout{0, 50'000};
        CHECK(::setsockopt(pair.in.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0);
        auto const start = steady::now();
        CHECK(::read(pair.in.get(), &c, 1) == -1);
        CHECK(tests::last_error() == EAGAIN);
        CHECK(steady::now() - start >= 50ms);
        CHECK(::fcntl(pair.in.get(), F_SETFL, O_NONBLOCK) == 0);
        CHECK(::fcntl(pair.in.get(), F_GETFL) == (O_RDWR | O_NONBLOCK));
        CHECK(::recv(pair.in.get(), &c, 1, 0) == -1);
        CHECK(tests::last_error() == EAGAIN);
    });
}

TEST_CASE("std::ifstream of a fifo parks", "[hook]") {
    std::string const path = "/tmp/fiber-hook-fifo." + std::to_string(::getpid());
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    int const writer = ::open(path.c_str(), O_RDWR | O_CLOEXEC); // the reader's open() does not wait for it
    REQUIRE(writer >= 0);
    tests::expect expect;
    check_parks(
        1,
        [&](int) {
            std::ifstream in(path);
            std::string line;
            expect(bool(std::getline(in, line)) && line == "a line", "the line");
        },
        [&](int) { REQUIRE(::write(writer, "a line\n", 7) == 7); });
    ::close(writer);
    ::unlink(path.c_str());
}

TEST_CASE("look-ups of names and locks of files work in fibers", "[hook]") {
    fiber::run([] {
        addrinfo* found = nullptr;
        CHECK(::getaddrinfo("localhost", "80", nullptr, &found) == 0);
        if (found != nullptr)
            ::freeaddrinfo(found);
        CHECK(::getaddrinfo("127.0.0.1", "80", nullptr, &found) == 0);
        ::freeaddrinfo(found);
        std::string const path = "/tmp/fiber-hook-lock." + std::to_string(::getpid());
        int const fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        CHECK(::flock(fd, LOCK_EX) == 0);
        struct flock whole {};
        whole.l_type = F_WRLCK;
        CHECK(::fcntl(fd, F_SETLKW, &whole) == 0);
        CHECK(::fsync(fd) == 0);
        CHECK(::lockf(fd, F_ULOCK, 0) == 0);
        CHECK(::pwrite(fd, "abc", 3, 0) == 3);
        char text[4]{};
        CHECK(::pread(fd, text, 3, 0) == 3);
        CHECK(std::string(text) == "abc");
        CHECK(::close(fd) == 0);
        CHECK(::close(fd) == -1);
        CHECK(tests::last_error() == EBADF);
        CHECK(::flock(fd, LOCK_EX) == -1);
        CHECK(tests::last_error() == EBADF);
        ::unlink(path.c_str());
    });
}

TEST_CASE("close ends the waits for its number with EBADF", "[hook]") {
    auto const pairs = many([] { return tests::tcp_sockets(); }, waiters);
    tests::expect expect;
    std::vector<int> copies;
    for (auto const& p : pairs)
        copies.push_back(::dup(p.in.get()));
    check_parks(
        waiters,
        [&](int i) {
            char c = 0;
            expect(::read(copies[static_cast<std::size_t>(i)], &c, 1) == -1, "read fails");
            expect(tests::last_error() == EBADF, "with EBADF");
        },
        [&](int i) { REQUIRE(::close(copies[static_cast<std::size_t>(i)]) == 0); });
}

TEST_CASE("calls under hook::off are plain", "[hook]") {
    auto const before = fiber::runtime::global().stats();
    fiber::run([] {
        fiber::hook::off const plain;
        CHECK(tests::short_wait());
    });
    auto const after = fiber::runtime::global().stats();
    CHECK(after.hooked_off == before.hooked_off + 1);
    CHECK(after.hooked_parked == before.hooked_parked);
}
