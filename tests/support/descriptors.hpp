// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// descriptors.hpp: what the tests of fiber::io share: pairs of connected descriptors, and a check that a call
// parks.
#pragma once

#include "tests/support/catch.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/last_error.hpp"

#include <fiber/go.hpp>
#include <fiber/runtime.hpp>

#include <array>
#include <chrono>
#include <fcntl.h>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace tests {

// Closes a descriptor by the plain close(2).
class descriptor {
public:
    descriptor() = default;
    explicit descriptor(int fd) noexcept : fd_(fd) {}
    descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    descriptor& operator=(descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~descriptor() { close(); }
    void close() noexcept {
        if (fd_ >= 0)
            ::close(std::exchange(fd_, -1));
    }
    [[nodiscard]] int get() const noexcept { return fd_; }

private:
    int fd_ = -1;
};

// The first one reads, the second one writes; sockets do both.
struct descriptor_pair {
    descriptor in, out;
};
inline descriptor_pair pipe_pair(int flags = 0) {
    std::array<int, 2> fds{};
    must(::pipe2(fds.data(), flags | O_CLOEXEC) == 0);
    return {descriptor(fds[0]), descriptor(fds[1])};
}
inline descriptor_pair unix_sockets(int type = SOCK_STREAM) {
    std::array<int, 2> fds{};
    must(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds.data()) == 0);
    return {descriptor(fds[0]), descriptor(fds[1])};
}

// An address of 127.0.0.1.
struct inet_address {
    sockaddr_in value{};
    socklen_t size = sizeof value;
    inet_address() {
        value.sin_family = AF_INET;
        value.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&value); }
};
// Makes a socket that is bound to a free port, and sets `at` to its address.
inline descriptor bound_socket(int type, inet_address& at) {
    descriptor made(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
    must(::bind(made.get(), at.get(), at.size) == 0);
    must(::getsockname(made.get(), at.get(), &at.size) == 0);
    return made;
}
inline descriptor listening_socket(inet_address& at) {
    descriptor made = bound_socket(SOCK_STREAM, at);
    must(::listen(made.get(), 64) == 0);
    return made;
}
// Their buffers are small: less than a megabyte fits.
inline descriptor_pair tcp_sockets() {
    constexpr int small = 64 * 1024;
    inet_address at;
    descriptor const listener = listening_socket(at);
    descriptor out(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    must(::setsockopt(listener.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
    must(::setsockopt(out.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0);
    must(::connect(out.get(), at.get(), at.size) == 0);
    return {descriptor(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)), std::move(out)};
}

// Yields or sleeps until condition() returns true. Returns false after a long time.
template <class Condition>
bool comes_true(Condition condition) {
    constexpr auto long_time = std::chrono::seconds(20);
    for (auto const end = std::chrono::steady_clock::now() + long_time; !condition();) {
        if (std::chrono::steady_clock::now() > end)
            return false;
        fiber::this_fiber::yield();
    }
    return true;
}

// Calls call() in a fiber of the runtime, which has one processor and no other fibers. Expects that the fiber
// parks, and then calls end_it() in another fiber, which ends the call. A fiber that blocks its OS thread is
// not counted as parked.
template <class Call, class EndIt>
void expect_parks_in(fiber::runtime& one, Call call, EndIt end_it) {
    expect expect;
    one.run([&] {
        auto caller = fiber::go(call);
        expect(comes_true([&] { return one.stats().fibers_parked == 1; }), "the fiber parks");
        end_it();
        caller.join();
    });
}
// As expect_parks_in(), in a new runtime, which knows nothing about any descriptor.
template <class Call, class EndIt>
void expect_parks(Call call, EndIt end_it) {
    fiber::runtime one({.processors = 1});
    expect_parks_in(one, call, end_it);
}

// Calls body() in a fiber, and then in an OS thread.
template <class Body>
void in_fiber_and_thread(Body body) {
    SECTION("in a fiber") { fiber::run(body); }
    SECTION("in an OS thread") { std::thread(body).join(); }
}

} // namespace tests
