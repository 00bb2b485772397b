// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// readiness_hint_test: a short read says that a TCP socket is drained, so that the next read waits without an
// attempt. Where more may be left although the read was short, a reader that waited would hang.

#include "tests/support/catch.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/sockets.hpp"

#include <atomic>
#include <cstring>
#include <thread>

#include <sys/socket.h>
#include <sys/uio.h>

using tests::bytes, tests::room;

namespace {

// Reads up to the end, in reads that are mostly short.
std::string read_to_end(fiber::net::tcp_stream& from) {
    std::string all;
    std::array<char, 1000> buffer{};
    while (auto const n = from.read_some(room(buffer)))
        all.append(buffer.data(), n);
    return all;
}

void send_with_descriptor(int to, std::string_view text, int fd) {
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
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    CHECK(::sendmsg(to, &message, 0) == static_cast<ssize_t>(text.size()));
}

} // namespace

TEST_CASE("the end of a stream is seen when it comes together with data", "[stream][hint]") {
    tests::expect expect;
    for (int i = 0; i < 1000; ++i) {
        auto pair = i % 4 == 3 ? tests::unix_pair() : tests::tcp_pair();
        auto reader = fiber::go([&] { expect(read_to_end(pair.there) == "first, last", "all"); });
        pair.here.write_all(bytes("first, "));
        if (i % 2 == 0)
            tests::until_parked(1);
        pair.here.write_all(bytes("last"));
        if (i % 3 == 0)
            pair.here.close();
        else
            pair.here.shutdown_write();
        reader.join();
    }
}

TEST_CASE("a read that is short because of passed descriptors does not drain a unix socket",
          "[stream][hint]") {
    tests::expect expect;
    for (int i = 0; i < 200; ++i) {
        auto pair = tests::unix_pair();
        auto reader = fiber::go([&] {
            std::array<char, 100> buffer{};
            std::string all;
            while (all.size() < 9)
                all.append(buffer.data(), pair.there.read_some(room(buffer)));
            expect(all == "onetwosix", "all");
        });
        if (i % 2 == 0)
            tests::until_parked(1);
        pair.here.write_all(bytes("one"));
        send_with_descriptor(pair.here.native_handle(), "two", pair.here.native_handle());
        pair.here.write_all(bytes("six"));
        reader.join();
    }
}

TEST_CASE("a read that is short because of urgent data does not drain a TCP socket", "[stream][hint]") {
    tests::expect expect;
    for (int i = 0; i < 200; ++i) {
        auto pair = tests::tcp_pair();
        auto reader = fiber::go([&] {
            std::array<char, 100> buffer{};
            std::string all;
            while (all.size() < 6)
                all.append(buffer.data(), pair.there.read_some(room(buffer)));
            expect(all == "aaabbb", "all");
        });
        if (i % 2 == 0)
            tests::until_parked(1);
        pair.here.write_all(bytes("aaa"));
        CHECK(::send(pair.here.native_handle(), "!", 1, MSG_OOB) == 1);
        pair.here.write_all(bytes("bbb"));
        reader.join();
    }
}

TEST_CASE("a writer goes on when a full socket has room again", "[stream][hint]") {
    for (auto* const make : {tests::tcp_pair, tests::unix_pair}) {
        tests::expect expect;
        auto pair = make();
        std::size_t unread = 0;
        for (int i = 0; i < 50; ++i) {
            unread += tests::fill(pair.here);
            std::atomic<bool> written{false}; // at once, if the system has moved data since
            auto writer = fiber::go([&] {
                pair.here.write_all(bytes(std::string(50'000, 'y')));
                written = true;
            });
            if (i % 2 == 0)
                tests::until([&] { return written || fiber::runtime::global().stats().fibers_parked != 0; });
            expect(tests::read_text(pair.there, unread).size() == unread, "all");
            writer.join();
            unread = 50'000;
        }
    }
}
