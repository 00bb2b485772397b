// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// io_reuse_test.cpp: numbers of descriptors that a plain close(2) frees, and that name another file
// afterwards.

#include "tests/support/descriptors.hpp"

#include <fiber/io.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

namespace io = fiber::io;

namespace {

// Gives the file the number `to`, which is closed.
void move_to(tests::descriptor from, int to) { REQUIRE(::dup3(from.get(), to, O_CLOEXEC) == to); }

tests::descriptor regular_file() {
    char name[] = "/tmp/fiber-io-XXXXXX";
    tests::descriptor made(::mkostemp(name, O_CLOEXEC));
    ::unlink(name);
    REQUIRE(::write(made.get(), "file", 4) == 4);
    REQUIRE(::lseek(made.get(), 0, SEEK_SET) == 0);
    return made;
}

// Has a fiber wait at the number, and then read a byte there.
void exchange(tests::expect& expect, fiber::runtime& one, int in, int out) {
    tests::expect_parks_in(
        one,
        [&] {
            char c = 0;
            expect(io::read(in, &c, 1) == 1 && c == 'x', "read");
        },
        [&] { expect(::write(out, "x", 1) == 1, "write"); });
}

} // namespace

TEST_CASE("a number that is reused for another kind of file is read as that file", "[io]") {
    tests::expect expect;
    fiber::runtime one({.processors = 1}); // it remembers the number
    // A number above all others, which each file gets once.
    int const number = 400;
    for (int round = 0; round < 4; ++round) {
        for (int kind = 0; kind < 4; ++kind) {
            INFO("round " << round << ", kind " << kind);
            if (kind == 3) {
                move_to(regular_file(), number);
                std::array<char, 8> buffer{};
                one.run([&] {
                    CHECK(io::read(number, buffer.data(), 8) == 4);
                    CHECK(io::write(number, "more", 4) == 4);
                    CHECK(io::read(number, buffer.data(), 8) == 0);
                });
            } else {
                auto p = kind == 0   ? tests::pipe_pair()
                         : kind == 1 ? tests::unix_sockets()
                                     : tests::tcp_sockets();
                move_to(std::move(p.in), number);
                for (int i = 0; i < 12; ++i)
                    exchange(expect, one, number, p.out.get());
            }
            ::close(number);
        }
    }
}

TEST_CASE("a number is reused while fibers go on in one runtime", "[io]") {
    tests::expect expect;
    fiber::runtime runtime({.processors = 1});
    runtime.run([&] {
        int const number = 401;
        for (int round = 0; round < 200; ++round) {
            auto p = round % 3 == 0   ? tests::pipe_pair()
                     : round % 3 == 1 ? tests::unix_sockets()
                                      : tests::tcp_sockets();
            move_to(std::move(p.in), number);
            auto reader = fiber::go([&] {
                std::array<char, 8> buffer{};
                for (int i = 0; i < 10; ++i)
                    expect(io::read(number, buffer.data(), 8) == 1, "read");
            });
            for (int i = 0; i < 10; ++i) {
                fiber::this_fiber::yield();
                expect(io::write(p.out.get(), "x", 1) == 1, "write");
                if (i % 3 == 2) // else two bytes come at once
                    fiber::this_fiber::sleep_for(std::chrono::microseconds(100));
                pollfd pending{number, POLLIN, 0};
                while (::poll(&pending, 1, 0) == 1)
                    fiber::this_fiber::yield();
            }
            reader.join();
            ::close(number);
        }
    });
}

TEST_CASE("a duplicate that keeps the old file open gives its events to nobody", "[io]") {
    tests::expect expect;
    int const number = 402;
    auto old = tests::tcp_sockets();
    tests::descriptor const duplicate(::dup(old.in.get()));
    fiber::runtime runtime({.processors = 1});
    runtime.run([&] {
        move_to(std::move(old.in), number);
        char c = 0;
        auto first = fiber::go([&] { expect(io::read(number, &c, 1) == 1 && c == 'o', "the old file"); });
        fiber::this_fiber::sleep_for(std::chrono::milliseconds(1));
        expect(::write(old.out.get(), "o", 1) == 1, "write");
        first.join();
        ::close(number);
        auto fresh = tests::tcp_sockets();
        move_to(std::move(fresh.in), number);
        auto second = fiber::go([&] { expect(io::read(number, &c, 1) == 1 && c == 'n', "the new file"); });
        fiber::this_fiber::sleep_for(std::chrono::milliseconds(1));
        expect(::write(old.out.get(), "o", 1) == 1, "write to the old file");
        fiber::this_fiber::sleep_for(std::chrono::milliseconds(1));
        expect(::write(fresh.out.get(), "n", 1) == 1, "write to the new file");
        second.join();
        ::close(number);
    });
}

TEST_CASE("servers accept, answer and close by plain calls while numbers are reused all the time", "[io]") {
    constexpr int clients = 8;
    constexpr int connections = 100;
    tests::expect expect;
    tests::inet_address at;
    auto const listener = tests::listening_socket(at);
    fiber::run([&] {
        std::vector<fiber::handle> all;
        for (int i = 0; i < clients; ++i)
            all.push_back(fiber::go([&, i] {
                for (int k = 0; k < connections; ++k) {
                    tests::descriptor const fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
                    tests::inet_address to = at;
                    if (!expect(io::connect(fd.get(), to.get(), to.size) == 0, "connect"))
                        return;
                    for (int n = 0; n < 3; ++n) {
                        std::string const question = std::to_string(i * 1000 + k * 3 + n);
                        std::array<char, 100> answer{};
                        expect(io::write(fd.get(), question.data(), question.size()) > 0, "write");
                        ssize_t const got = io::read(fd.get(), answer.data(), answer.size());
                        if (!expect(got > 0 &&
                                        question == std::string(answer.data(), static_cast<std::size_t>(got)),
                                    "the own answer"))
                            return;
                    }
                }
            }));
        for (int i = 0; i < clients * connections; ++i) {
            int const got = io::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC);
            if (!expect(got >= 0, "accept"))
                break;
            all.push_back(fiber::go([&, got] {
                tests::descriptor const fd(got);
                std::array<char, 100> buffer{};
                ssize_t n = 0;
                while ((n = io::read(fd.get(), buffer.data(), buffer.size())) > 0)
                    expect(io::write(fd.get(), buffer.data(), static_cast<std::size_t>(n)) == n, "echo");
            }));
        }
        for (auto& h : all)
            h.join();
    });
}
