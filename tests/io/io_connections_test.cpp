// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// io_connections_test.cpp: accept and connect, wrong descriptors, and a runtime without a netpoller.

#include "tests/support/child.hpp"
#include "tests/support/descriptors.hpp"

#include <fiber/io.hpp>

#include <array>
#include <cerrno>
#include <poll.h>
#include <sys/resource.h>
#include <system_error>
#include <thread>

namespace io = fiber::io;

TEST_CASE("accept and connect park, and return what the plain calls do", "[io]") {
    tests::expect expect;
    tests::inet_address at;
    auto const listener = tests::listening_socket(at);
    tests::descriptor client(::socket(AF_INET, SOCK_STREAM, 0));
    tests::expect_parks(
        [&] {
            tests::inet_address from;
            tests::descriptor const got(io::accept(listener.get(), from.get(), &from.size));
            expect(got.get() >= 0 && from.value.sin_family == AF_INET, "accept");
            expect((::fcntl(got.get(), F_GETFL) & O_NONBLOCK) == 0, "no flag");
            char c = 0;
            expect(io::read(got.get(), &c, 1) == 1, "read");
        },
        [&] {
            expect(io::connect(client.get(), at.get(), at.size) == 0, "connect");
            expect((::fcntl(client.get(), F_GETFL) & O_NONBLOCK) == 0, "no flag");
            expect(io::connect(client.get(), at.get(), at.size) == -1 && tests::last_error() == EISCONN,
                   "connected already");
            expect(io::write(client.get(), "x", 1) == 1, "write");
        });
    tests::descriptor other(::socket(AF_INET, SOCK_STREAM, 0));
    std::thread([&] {
        expect(io::connect(other.get(), at.get(), at.size) == 0, "connect in a thread");
        tests::descriptor const got(io::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK));
        expect((::fcntl(got.get(), F_GETFL) & O_NONBLOCK) != 0, "accept4 in a thread");
    }).join();
}

TEST_CASE("connect reports a refusal, and the socket can connect later", "[io]") {
    tests::in_fiber_and_thread([] {
        tests::inet_address at;
        auto held = tests::bound_socket(SOCK_STREAM, at);
        tests::descriptor const client(::socket(AF_INET, SOCK_STREAM, 0));
        CHECK(io::connect(client.get(), at.get(), at.size) == -1);
        CHECK(tests::last_error() == ECONNREFUSED);
        REQUIRE(::listen(held.get(), 1) == 0);
        CHECK(io::connect(client.get(), at.get(), at.size) == 0);
    });
}

TEST_CASE("calls on wrong descriptors fail as the plain calls do", "[io]") {
    tests::in_fiber_and_thread([] {
        char c = 0;
        iovec const one{&c, 1};
        off_t offset = 0;
        auto const bad = [](auto result) { return result == -1 && tests::last_error() == EBADF; };
        int const closed = ::fcntl(0, F_DUPFD_CLOEXEC, 500); // a number that nobody takes
        ::close(closed);
        for (int const fd : {-1, closed, 1'000'000'000}) {
            INFO(fd);
            CHECK(bad(io::read(fd, &c, 1)));
            CHECK(bad(io::read(fd, &c, 0)));
            CHECK(bad(io::write(fd, &c, 1)));
            CHECK(bad(io::readv(fd, &one, 1)));
            CHECK(bad(io::writev(fd, &one, 1)));
            CHECK(bad(io::pread(fd, &c, 1, 0)));
            CHECK(bad(io::pwrite(fd, &c, 1, 0)));
            CHECK(bad(io::recv(fd, &c, 1, 0)));
            CHECK(bad(io::recv(fd, &c, 1, MSG_WAITALL)));
            CHECK(bad(io::send(fd, &c, 1, 0)));
            CHECK(bad(io::accept(fd, nullptr, nullptr)));
            tests::inet_address at;
            CHECK(bad(io::connect(fd, at.get(), at.size)));
            CHECK(bad(io::sendfile(fd, 0, &offset, 1)));
            CHECK(bad(io::splice(fd, nullptr, fd, nullptr, 1, 0)));
            CHECK_THROWS_AS(io::wait_readable(fd), std::system_error);
            CHECK_THROWS_AS(io::wait_writable(fd), std::system_error);
        }
        auto const p = tests::pipe_pair();
        CHECK(io::recv(p.in.get(), &c, 1, 0) == -1);
        CHECK(tests::last_error() == ENOTSOCK);
        CHECK(io::send(p.out.get(), &c, 1, 0) == -1);
        CHECK(tests::last_error() == ENOTSOCK);
        CHECK(io::accept(p.in.get(), nullptr, nullptr) == -1);
        CHECK(tests::last_error() == ENOTSOCK);
        CHECK(bad(io::read(p.out.get(), &c, 1)));
        CHECK(io::pread(p.in.get(), &c, 1, 0) == -1);
        CHECK(tests::last_error() == ESPIPE);
        auto const s = tests::unix_sockets();
        CHECK(io::accept(s.in.get(), nullptr, nullptr) == -1);
        CHECK(tests::last_error() == EINVAL);
    });
}

TEST_CASE("accept refuses a connected socket that has been read empty", "[io]") {
    tests::in_fiber_and_thread([] {
        auto const pair = tests::tcp_sockets();
        std::array<char, 8> buffer{};
        for (int i = 0; i < 100; ++i) { // short counts tell that the socket is empty
            REQUIRE(io::write(pair.out.get(), "x", 1) == 1);
            REQUIRE(io::read(pair.in.get(), buffer.data(), buffer.size()) == 1);
        }
        CHECK(io::accept(pair.in.get(), nullptr, nullptr) == -1);
        CHECK(tests::last_error() == EINVAL);
    });
}

TEST_CASE("calls work if no descriptor is left for the netpoller", "[io]") {
    auto const p = tests::pipe_pair();
    auto const t = tests::tcp_sockets();
    CHECK(tests::in_child([&] {
              int const lowest_free = ::dup(0);
              ::close(lowest_free);
              auto const all = static_cast<rlim_t>(lowest_free);
              rlimit const none{all, all};
              if (::setrlimit(RLIMIT_NOFILE, &none) != 0)
                  return false;
              bool good = true;
              fiber::runtime one({.processors = 1});
              one.run([&] {
                  for (auto const* pair : {&p, &t}) {
                      char c = 0;
                      auto reader = fiber::go([&] {
                          good = good && io::read(pair->in.get(), &c, 1) == 1;
                          good = good && io::wait_readable(pair->in.get());
                          good = good && io::read(pair->in.get(), &c, 1) == 1;
                      });
                      fiber::this_fiber::sleep_for(std::chrono::milliseconds(1));
                      good = good && io::write(pair->out.get(), "x", 1) == 1;
                      fiber::this_fiber::sleep_for(std::chrono::milliseconds(1));
                      pollfd file{pair->out.get(), POLLOUT, 0};
                      good = good && io::poll(&file, 1, -1) == 1;
                      good = good && io::write(pair->out.get(), "x", 1) == 1;
                      reader.join();
                  }
              });
              return good;
          }) == 0);
}
