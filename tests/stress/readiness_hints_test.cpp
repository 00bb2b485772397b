// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// readiness_hints_test.cpp: a short read says that a TCP socket is drained, so that the next read waits
// without an attempt. Here more is left behind a short read, and no event follows for it. A reader that waits
// hangs.
#include "tests/support/catch.hpp"
#include "tests/support/chaos.hpp"
#include "tests/support/descriptors.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/tally.hpp"

#include <fiber/future.hpp>
#include <fiber/io.hpp>
#include <fiber/net.hpp>
#include <fiber/runtime.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

constexpr int rounds = 1000 * tests::scale;

// Connections that wait for their end would use up the ports of the loopback device. These are reset.
tests::descriptor_pair tcp_sockets_without_end() {
    auto pair = tests::tcp_sockets();
    linger const at_once{1, 0};
    for (int const fd : {pair.in.get(), pair.out.get()})
        ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    return pair;
}

// Reads what is there into a buffer that is larger.
using reader = std::size_t (*)(int fd, std::span<char>);
std::size_t read_raw(int fd, std::span<char> to) {
    ssize_t const n = fiber::io::read(fd, to.data(), to.size());
    return n < 0 ? 0 : static_cast<std::size_t>(n);
}
std::size_t receive_raw(int fd, std::span<char> to) {
    ssize_t const n = fiber::io::recv(fd, to.data(), to.size(), 0);
    return n < 0 ? 0 : static_cast<std::size_t>(n);
}

// A number of reads at random are in the way of the sender, or come before it.
void let_reader_run(tests::chaos& chaos) {
    for (auto n = chaos.below(4); n > 0; --n)
        fiber::this_fiber::yield();
}

void send_all(tests::expect& expect, int fd, std::string_view text, int flags = 0) {
    expect(::send(fd, text.data(), text.size(), flags | MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()),
           "send");
}

void send_descriptor(tests::expect& expect, int to, std::string_view text) {
    iovec piece{const_cast<char*>(text.data()), text.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &to, sizeof to);
    expect(::sendmsg(to, &message, 0) == static_cast<ssize_t>(text.size()), "sendmsg");
}

// Reads `size` bytes in reads of 100.
std::string read_some_times(int fd, std::size_t size, reader read) {
    std::string all;
    std::array<char, 100> buffer{};
    while (all.size() < size) {
        std::size_t const n = read(fd, buffer);
        if (n == 0)
            break;
        all.append(buffer.data(), n);
    }
    return all;
}

// fiber::io learns from the eighth short read on a socket that short reads drain it.
void exchange_until_hints_are_known(tests::expect& expect, int in, int out, reader read) {
    for (int i = 0; i < 9; ++i) {
        send_all(expect, out, "x");
        expect(read_some_times(in, 1, read) == "x", "one byte");
    }
}

} // namespace

TEST_CASE("a reader sees the end of a TCP stream that comes together with data", "[stress][io]") {
    tests::expect expect;
    fiber::run([&] {
        tests::chaos chaos;
        for (int i = 0; i < rounds; ++i) {
            auto const pair = tcp_sockets_without_end();
            auto const read = i % 2 == 0 ? read_raw : receive_raw;
            exchange_until_hints_are_known(expect, pair.in.get(), pair.out.get(), read);
            auto all = fiber::async([&] { return read_some_times(pair.in.get(), 100, read); });
            let_reader_run(chaos);
            send_all(expect, pair.out.get(), "first, ");
            if (i % 3 == 0)
                let_reader_run(chaos);
            send_all(expect, pair.out.get(), "last");
            expect(::shutdown(pair.out.get(), SHUT_WR) == 0, "shutdown");
            expect(all.get() == "first, last", "data, then the end");
        }
    });
}

TEST_CASE("a reader of fiber::net sees the end that comes together with data", "[stress][io]") {
    tests::expect expect;
    fiber::run([&] {
        tests::chaos chaos;
        for (int i = 0; i < rounds; ++i) {
            auto const pair = tcp_sockets_without_end();
            int const out = pair.out.get();
            fiber::net::tcp_stream in(::dup(pair.in.get()));
            auto all = fiber::async([&] {
                std::string text;
                std::array<std::byte, 100> buffer{};
                std::error_code error;
                while (std::size_t const n = in.read_some(buffer, error))
                    text.append(reinterpret_cast<char const*>(buffer.data()), n);
                return text;
            });
            let_reader_run(chaos);
            send_all(expect, out, "first, ");
            if (i % 3 == 0)
                let_reader_run(chaos);
            send_all(expect, out, "last");
            expect(::shutdown(out, SHUT_WR) == 0, "shutdown");
            expect(all.get() == "first, last", "data, then the end");
        }
    });
}

TEST_CASE("a reader gets what is behind descriptors that were passed", "[stress][io]") {
    tests::expect expect;
    fiber::run([&] {
        tests::chaos chaos;
        auto const pair = tests::unix_sockets();
        exchange_until_hints_are_known(expect, pair.in.get(), pair.out.get(), read_raw);
        for (int i = 0; i < rounds; ++i) {
            auto all = fiber::async(
                [&] { return read_some_times(pair.in.get(), 9, i % 2 == 0 ? read_raw : receive_raw); });
            let_reader_run(chaos);
            send_all(expect, pair.out.get(), "one");
            send_descriptor(expect, pair.out.get(), "two");
            send_all(expect, pair.out.get(), "six");
            expect(all.get() == "onetwosix", "both sides of the boundary");
        }
    });
}

TEST_CASE("a reader gets the second packet of a pipe", "[stress][io]") {
    tests::expect expect;
    fiber::run([&] {
        tests::chaos chaos;
        auto const pair = tests::pipe_pair(O_DIRECT);
        for (int i = 0; i < rounds; ++i) {
            auto all = fiber::async([&] { return read_some_times(pair.in.get(), 6, read_raw); });
            let_reader_run(chaos);
            expect(::write(pair.out.get(), "aaa", 3) == 3, "first packet");
            expect(::write(pair.out.get(), "bbb", 3) == 3, "second packet");
            expect(all.get() == "aaabbb", "both packets");
        }
    });
}

TEST_CASE("a reader gets what is behind urgent data", "[stress][io]") {
    tests::expect expect;
    fiber::run([&] {
        tests::chaos chaos;
        auto const pair = tests::tcp_sockets();
        exchange_until_hints_are_known(expect, pair.in.get(), pair.out.get(), read_raw);
        for (int i = 0; i < rounds; ++i) {
            auto all = fiber::async(
                [&] { return read_some_times(pair.in.get(), 6, i % 2 == 0 ? read_raw : receive_raw); });
            let_reader_run(chaos);
            send_all(expect, pair.out.get(), "aaa");
            send_all(expect, pair.out.get(), "!", MSG_OOB);
            send_all(expect, pair.out.get(), "bbb");
            expect(all.get() == "aaabbb", "both sides of the mark");
        }
    });
}
