// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// io_datagrams_test.cpp: calls with addresses, and calls for several messages.

#include "tests/support/descriptors.hpp"

#include <fiber/io.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <sys/un.h>
#include <thread>

namespace io = fiber::io;

namespace {

// Reads n bytes, or up to the end.
std::string take(int fd, std::size_t n) {
    std::string text(n, '\0');
    std::size_t done = 0;
    while (done < n) {
        ssize_t const got = ::read(fd, text.data() + done, n - done);
        if (got <= 0)
            break;
        done += static_cast<std::size_t>(got);
    }
    text.resize(done);
    return text;
}

void give(int fd, std::string_view text) { static_cast<void>(!::write(fd, text.data(), text.size())); }

} // namespace

TEST_CASE("recvfrom, sendto and their relatives carry addresses", "[io]") {
    tests::in_fiber_and_thread([] {
        tests::inet_address a, b, from;
        auto const one = tests::bound_socket(SOCK_DGRAM, a);
        auto const two = tests::bound_socket(SOCK_DGRAM, b);
        char buffer[16] = {};
        CHECK(io::sendto(one.get(), "abc", 3, 0, b.get(), b.size) == 3);
        CHECK(io::recvfrom(two.get(), buffer, 16, 0, from.get(), &from.size) == 3);
        CHECK(from.value.sin_port == a.value.sin_port);

        iovec part{buffer, 3};
        msghdr message{};
        message.msg_name = b.get();
        message.msg_namelen = b.size;
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        CHECK(io::sendmsg(one.get(), &message, 0) == 3);
        from.value.sin_port = 0;
        message.msg_name = from.get();
        part.iov_len = 2;
        CHECK(io::recvmsg(two.get(), &message, 0) == 2);
        CHECK((message.msg_flags & MSG_TRUNC) != 0);
        CHECK(from.value.sin_port == a.value.sin_port);
        CHECK(io::sendto(one.get(), "", 0, 0, b.get(), b.size) == 0); // an empty datagram
        CHECK(io::recv(two.get(), buffer, 16, 0) == 0);
    });
}

TEST_CASE("recvmmsg waits for all messages, for the first one, or for its timeout", "[io]") {
    tests::expect expect;
    auto const p = tests::unix_sockets(SOCK_DGRAM);
    char buffers[4][8] = {};
    iovec parts[4];
    mmsghdr messages[4] = {};
    for (std::size_t i = 0; i < 4; ++i) {
        parts[i] = {buffers[i], 8};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    tests::expect_parks(
        [&] {
            expect(io::recvmmsg(p.in.get(), messages, 3, 0, nullptr) == 3, "all");
            expect(messages[2].msg_len == 3 && std::memcmp(buffers[2], "ccc", 3) == 0, "the third");
        },
        [&] {
            give(p.out.get(), "a");
            fiber::this_fiber::sleep_for(std::chrono::milliseconds(1));
            give(p.out.get(), "bb");
            give(p.out.get(), "ccc");
        });
    tests::expect_parks(
        [&] { expect(io::recvmmsg(p.in.get(), messages, 4, MSG_WAITFORONE, nullptr) == 1, "one"); },
        [&] { give(p.out.get(), "d"); });
    fiber::run([&] {
        timespec timeout{0, 1'000'000};
        expect(io::recvmmsg(p.in.get(), messages, 4, 0, &timeout) == -1 && tests::last_error() == EAGAIN,
               "timeout");
        give(p.out.get(), "e");
        expect(io::recvmmsg(p.in.get(), messages, 4, 0, &timeout) == 1, "one before the timeout");
        expect(io::recvmmsg(p.in.get(), messages, 4, MSG_DONTWAIT, nullptr) == -1 &&
                   tests::last_error() == EAGAIN,
               "DONTWAIT");
        timeout.tv_nsec = -1;
        expect(io::recvmmsg(p.in.get(), messages, 4, 0, &timeout) == -1 && tests::last_error() == EINVAL,
               "a bad timeout");
    });
    std::thread([&] {
        give(p.out.get(), "f");
        expect(io::recvmmsg(p.in.get(), messages, 1, 0, nullptr) == 1, "in a thread");
    }).join();
}

TEST_CASE("sendmmsg sends all messages, and streams whole", "[io]") {
    std::string const text(300'000, 'm');
    iovec part{const_cast<char*>(text.data()), text.size()};
    mmsghdr messages[10] = {};
    for (auto& m : messages) {
        m.msg_hdr.msg_iov = &part;
        m.msg_hdr.msg_iovlen = 1;
    }
    tests::expect expect;
    auto const p = tests::tcp_sockets();
    auto const check = [&] {
        expect(io::sendmmsg(p.out.get(), messages, 10, 0) == 10, "all");
        for (auto const& m : messages)
            expect(m.msg_len == text.size(), "whole");
    };
    std::size_t received = 0;
    tests::expect_parks(check, [&] { received = take(p.in.get(), 10 * text.size()).size(); });
    CHECK(received == 10 * text.size());
    std::thread thread(check);
    CHECK(take(p.in.get(), 10 * text.size()).size() == 10 * text.size());
    thread.join();
    // Datagrams, more than the queue takes.
    auto const d = tests::unix_sockets(SOCK_DGRAM);
    part.iov_len = 1000;
    mmsghdr many[100];
    std::fill(std::begin(many), std::end(many), messages[0]);
    tests::expect_parks([&] { expect(io::sendmmsg(d.out.get(), many, 100, 0) == 100, "datagrams"); },
                        [&] {
                            for (int i = 0; i < 100; ++i) {
                                char c = 0;
                                expect(io::read(d.in.get(), &c, 1) == 1, "a datagram");
                            }
                        });
}

TEST_CASE("a datagram to a full queue is sent when there is room, though no event says so", "[io]") {
    tests::expect expect;
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::string const name = "fiber-io-test-" + std::to_string(::getpid()); // an abstract one
    std::memcpy(at.sun_path + 1, name.data(), name.size());
    auto const size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    auto* const to = reinterpret_cast<sockaddr*>(&at);
    tests::descriptor const receiver(::socket(AF_UNIX, SOCK_DGRAM, 0));
    REQUIRE(::bind(receiver.get(), to, size) == 0);
    tests::descriptor const sender(::socket(AF_UNIX, SOCK_DGRAM, 0));
    tests::descriptor const other(::socket(AF_UNIX, SOCK_DGRAM, 0)); // gets the event
    while (::sendto(other.get(), "x", 1, MSG_DONTWAIT, to, size) == 1)
        ;
    fiber::runtime one({.processors = 1});
    one.run([&] {
        auto const before = one.stats().parks;
        auto sends = fiber::go([&] { expect(io::sendto(sender.get(), "y", 1, 0, to, size) == 1, "sendto"); });
        fiber::this_fiber::sleep_for(std::chrono::milliseconds(100));
        expect(one.stats().parks - before < 50, "does not try again and again");
        char c = 0;
        expect(io::read(receiver.get(), &c, 1) == 1, "make room");
        sends.join();
    });
}
