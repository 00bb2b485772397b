// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fork_io_test.cpp: a fork while fibers wait for descriptors. The child has an epoll set, and the
// parent's waits go on.
#include "tests/support/catch.hpp"
#include "tests/support/child.hpp"
#include "tests/support/descriptors.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/tally.hpp"

#include <fiber/go.hpp>
#include <fiber/io.hpp>
#include <fiber/net.hpp>
#include <fiber/runtime.hpp>

#include <atomic>
#include <cstddef>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

namespace io = fiber::io;
namespace net = fiber::net;

namespace {

char read_byte(int fd) {
    char c = 0;
    return io::read(fd, &c, 1) == 1 ? c : '\0';
}

// Has a fiber wait for each kind of descriptor. Returns true if each gets its byte.
bool exchange_bytes() {
    int good = 0, pairs = 0;
    fiber::run([&] {
        for (auto* const make : {+[] { return tests::tcp_sockets(); }, +[] { return tests::unix_sockets(); },
                                 +[] { return tests::pipe_pair(); }}) {
            auto const pair = make();
            auto reader = fiber::go([&] { good += read_byte(pair.in.get()) == 'c'; });
            fiber::this_fiber::yield();
            good += io::write(pair.out.get(), "c", 1) == 1;
            reader.join();
            ++pairs;
        }
        auto const pair = tests::unix_sockets();
        net::tcp_stream in(::dup(pair.in.get())), out(::dup(pair.out.get()));
        std::byte got{};
        auto reader = fiber::go([&] { in.read_exact({&got, 1}); });
        fiber::this_fiber::yield();
        std::byte const sent{'n'};
        out.write_all({&sent, 1});
        reader.join();
        good += got == sent;
    });
    return good == 2 * pairs + 1;
}

} // namespace

TEST_CASE("a child does I/O, and leaves the waits of its parent alone", "[io][fork]") {
    constexpr int readers = 8;
    tests::expect expect;
    std::vector<tests::descriptor_pair> pairs;
    for (int i = 0; i < readers; ++i)
        pairs.push_back(i % 2 == 0 ? tests::unix_sockets() : tests::tcp_sockets());
    std::atomic<int> got{0};
    std::vector<fiber::handle> all;
    for (auto const& pair : pairs)
        all.push_back(fiber::go([&] {
            for (char const c : {'1', '2', '3'}) {
                expect(read_byte(pair.in.get()) == c, "the next byte");
                ++got;
            }
        }));
    auto const write_all = [&](char c, int expected) {
        for (auto const& pair : pairs)
            expect(::write(pair.out.get(), &c, 1) == 1, "write");
        expect(tests::comes_true([&] { return got == expected; }), "all bytes");
    };
    write_all('1', readers); // all are in the epoll set now
    // The child closes its copies of the descriptors and reuses their numbers.
    CHECK(tests::in_child([&] {
              for (auto& pair : pairs) {
                  pair.in.close();
                  pair.out.close();
              }
              return exchange_bytes() && exchange_bytes();
          }) == 0);
    write_all('2', 2 * readers);
    CHECK(tests::in_child([] { return true; }) == 0);
    write_all('3', 3 * readers);
    tests::join_all(all);
}

TEST_CASE("a child does I/O while its parent waits for the same descriptors", "[io][fork]") {
    tests::expect expect;
    auto const pair = tests::unix_sockets();
    std::atomic<bool> done{false};
    auto reader = fiber::go([&] {
        expect(read_byte(pair.in.get()) == 'p', "the parent's byte");
        done = true;
    });
    CHECK(tests::in_child([&] {
              auto const own = tests::unix_sockets();
              char c = 0;
              fiber::run([&] {
                  auto mine = fiber::go([&] { c = read_byte(own.in.get()); });
                  fiber::this_fiber::yield();
                  static_cast<void>(!io::write(own.out.get(), "x", 1));
                  mine.join();
              });
              return c == 'x' && !done;
          }) == 0);
    CHECK(::write(pair.out.get(), "p", 1) == 1);
    reader.join();
    CHECK(done);
}
