// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// io_flags_test.cpp: the flags and timeouts of descriptors: fiber::io leaves them alone, and they keep their
// meaning.

#include "tests/support/descriptors.hpp"

#include <fiber/io.hpp>

#include <cerrno>
#include <chrono>
#include <poll.h>
#include <string>
#include <sys/time.h>
#include <sys/wait.h>
#include <vector>

namespace io = fiber::io;
using namespace std::chrono_literals;

namespace {

void set_nonblock(int fd, bool on) {
    int const flags = ::fcntl(fd, F_GETFL);
    REQUIRE(::fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) == 0);
}
bool is_nonblock(int fd) { return (::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0; }
bool would_block(ssize_t result) { return result == -1 && tests::last_error() == EAGAIN; }

// A busy system may move a byte to the other side of a TCP connection after the write has returned.
void until_readable(int fd) {
    pollfd file{fd, POLLIN, 0};
    REQUIRE(::poll(&file, 1, -1) == 1);
}

void set_timeout(int fd, int option, std::chrono::milliseconds d) {
    timeval const t{d.count() / 1000, d.count() % 1000 * 1000};
    REQUIRE(::setsockopt(fd, SOL_SOCKET, option, &t, sizeof t) == 0);
}

std::vector<tests::descriptor_pair> pairs() {
    std::vector<tests::descriptor_pair> all;
    all.push_back(tests::pipe_pair());
    all.push_back(tests::unix_sockets());
    all.push_back(tests::tcp_sockets());
    return all;
}

} // namespace

TEST_CASE("calls that park leave the flags of a pipe that a child shares", "[io]") {
    auto const p = tests::pipe_pair();
    auto const back = tests::pipe_pair();
    pid_t const child = ::fork();
    if (child == 0) { // reads by blocking reads, and reports each count
        char buffer[4096];
        for (ssize_t n = 1; n > 0;) {
            ::close(p.out.get());
            n = ::read(p.in.get(), buffer, sizeof buffer);
            if (n < 0 || is_nonblock(p.in.get()))
                ::_exit(1);
        }
        ::_exit(0);
    }
    tests::expect expect;
    std::string const text(1'000'000, 'x');
    char c = 0;
    tests::expect_parks(
        [&] {
            expect(io::write(p.out.get(), text.data(), text.size()) == 1'000'000, "write");
            expect(io::read(back.in.get(), &c, 1) == 1, "read");
        },
        [&] {
            expect(!is_nonblock(p.out.get()) && !is_nonblock(p.in.get()) && !is_nonblock(back.in.get()),
                   "flags");
            expect(::write(back.out.get(), "x", 1) == 1, "wake");
        });
    CHECK_FALSE(is_nonblock(p.out.get()));
    ::close(::dup2(back.in.get(), p.out.get()));
    int status = 0;
    CHECK(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
}

TEST_CASE("a call on a descriptor with O_NONBLOCK returns EAGAIN instead of parking", "[io]") {
    for (auto& p : pairs())
        fiber::run([&] {
            char c = 0;
            set_nonblock(p.in.get(), true);
            set_nonblock(p.out.get(), true);
            for (int i = 0; i < 3; ++i) {
                CHECK(would_block(io::read(p.in.get(), &c, 1)));
                CHECK(io::write(p.out.get(), "x", 1) == 1);
                until_readable(p.in.get());
                CHECK(io::read(p.in.get(), &c, 1) == 1);
            }
            std::string const text(4'000'000, 'w');
            ssize_t const n = io::write(p.out.get(), text.data(), text.size());
            CHECK(n > 0);
            CHECK(n < static_cast<ssize_t>(text.size()));
            ssize_t more = 0;
            while ((more = io::write(p.out.get(), text.data(), text.size())) > 0) // the kernel may make room
                ;
            CHECK(would_block(more));
            CHECK(is_nonblock(p.in.get()));
        });
}

TEST_CASE("O_NONBLOCK counts from when it is set, and until it is cleared", "[io]") {
    tests::expect expect;
    fiber::runtime one({.processors = 1}); // it remembers the descriptors
    for (auto& p : pairs()) {
        char c = 0;
        for (int round = 0; round < 3; ++round) {
            tests::expect_parks_in(
                one, [&] { expect(io::read(p.in.get(), &c, 1) == 1, "parks"); },
                [&] { expect(::write(p.out.get(), "x", 1) == 1, "wake"); });
            one.run([&] {
                set_nonblock(p.in.get(), true);
                expect(would_block(io::read(p.in.get(), &c, 1)), "EAGAIN");
                expect(would_block(io::read(p.in.get(), &c, 1)), "EAGAIN again");
                set_nonblock(p.in.get(), false);
            });
        }
    }
}

TEST_CASE("accept and connect keep O_NONBLOCK's meaning", "[io][exact]") {
    fiber::run([] {
        tests::inet_address at;
        auto const listener = tests::listening_socket(at);
        set_nonblock(listener.get(), true);
        CHECK(would_block(io::accept(listener.get(), nullptr, nullptr)));
        tests::descriptor const client(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
        int const result = io::connect(client.get(), at.get(), at.size);
        CHECK((result == 0 || tests::last_error() == EINPROGRESS));
        CHECK(io::wait_writable(client.get()));
        CHECK(is_nonblock(client.get()));
        CHECK(io::wait_readable(listener.get()));
        tests::descriptor const got(io::accept4(listener.get(), nullptr, nullptr, 0));
        CHECK(got.get() >= 0);
        CHECK_FALSE(is_nonblock(got.get()));
    });
}

TEST_CASE("SO_RCVTIMEO and SO_SNDTIMEO end a wait with EAGAIN", "[io]") {
    for (auto make : {+[] { return tests::unix_sockets(); }, +[] { return tests::tcp_sockets(); }})
        fiber::run([make] {
            auto const p = make();
            char c = 0;
            std::string const text(8'000'000, 'w');
            for (auto const timeout : {1ms, 20ms}) {
                set_timeout(p.in.get(), SO_RCVTIMEO, timeout);
                auto const start = std::chrono::steady_clock::now();
                CHECK(would_block(io::read(p.in.get(), &c, 1)));
                CHECK(would_block(io::recv(p.in.get(), &c, 1, 0)));
                CHECK(std::chrono::steady_clock::now() - start >= 2 * timeout);
            }
            set_timeout(p.out.get(), SO_SNDTIMEO, 10ms);
            ssize_t const n = io::write(p.out.get(), text.data(), text.size());
            CHECK(n > 0);
            CHECK(n < static_cast<ssize_t>(text.size()));
            ssize_t more = 0;
            while ((more = io::write(p.out.get(), text.data(), text.size())) > 0) // the kernel may make room
                ;
            CHECK(would_block(more));
        });
}

TEST_CASE("a timeout that is set after a wait without one is kept", "[io]") {
    tests::expect expect;
    fiber::runtime one({.processors = 1}); // it remembers the descriptors
    auto const p = tests::tcp_sockets();
    char c = 0;
    tests::expect_parks_in(
        one, [&] { expect(io::read(p.in.get(), &c, 1) == 1, "no timeout"); },
        [&] { expect(::write(p.out.get(), "x", 1) == 1, "wake"); });
    set_timeout(p.in.get(), SO_RCVTIMEO, 1ms);
    one.run([&] { expect(would_block(io::read(p.in.get(), &c, 1)), "a short timeout"); });
    set_timeout(p.in.get(), SO_RCVTIMEO, 0ms);
    tests::expect_parks_in(
        one, [&] { expect(io::read(p.in.get(), &c, 1) == 1, "no timeout"); },
        [&] { expect(::write(p.out.get(), "x", 1) == 1, "wake"); });
}

TEST_CASE("the timeouts of a listener and of a connecting socket are kept", "[io]") {
    fiber::run([] {
        tests::inet_address at;
        auto const listener = tests::listening_socket(at);
        set_timeout(listener.get(), SO_RCVTIMEO, 10ms);
        CHECK(would_block(io::accept(listener.get(), nullptr, nullptr)));
        // A listener with a full queue answers no SYN.
        REQUIRE(::listen(listener.get(), 0) == 0);
        std::vector<tests::descriptor> clients;
        int result = 0;
        for (int i = 0; i < 8 && result == 0; ++i) {
            clients.emplace_back(::socket(AF_INET, SOCK_STREAM, 0));
            set_timeout(clients.back().get(), SO_SNDTIMEO, 30ms);
            result = io::connect(clients.back().get(), at.get(), at.size);
        }
        CHECK(result == -1);
        CHECK(tests::last_error() == EINPROGRESS);
    });
}
