// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// io_calls_test.cpp: each call of fiber::io that transfers data, in fibers and in OS threads: results, and
// that a wait costs no thread.

#include "tests/support/descriptors.hpp"

#include <fiber/io.hpp>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <string_view>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <vector>

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

std::vector<tests::descriptor_pair> stream_pairs() {
    std::vector<tests::descriptor_pair> all;
    all.push_back(tests::pipe_pair());
    all.push_back(tests::unix_sockets());
    all.push_back(tests::tcp_sockets());
    return all;
}

} // namespace

TEST_CASE("read and write transfer what is there", "[io]") {
    tests::in_fiber_and_thread([] {
        for (auto& p : stream_pairs()) {
            char buffer[8] = {};
            CHECK(io::write(p.out.get(), "hello", 5) == 5);
            CHECK(io::read(p.in.get(), buffer, 3) == 3);
            CHECK(io::read(p.in.get(), buffer + 3, 5) == 2);
            CHECK(std::string_view(buffer) == "hello");
            p.out.close();
            CHECK(io::read(p.in.get(), buffer, sizeof buffer) == 0);
        }
    });
}

TEST_CASE("readv and writev transfer several buffers", "[io]") {
    tests::in_fiber_and_thread([] {
        for (auto& p : stream_pairs()) {
            char text[] = "abcdef";
            iovec const from[] = {{text, 1}, {text + 1, 0}, {text + 1, 5}};
            CHECK(io::writev(p.out.get(), from, 3) == 6);
            char a[4] = {};
            char b[8] = {};
            iovec const to[] = {{a, 3}, {b, 7}};
            CHECK(io::readv(p.in.get(), to, 2) == 6);
            CHECK(std::string_view(a) == "abc");
            CHECK(std::string_view(b) == "def");
            CHECK(io::readv(p.in.get(), to, 0) == 0);
            CHECK(io::readv(p.in.get(), to, -1) == -1);
            CHECK(tests::last_error() == EINVAL);
        }
    });
}

TEST_CASE("a transfer of no bytes does what the kernel does", "[io][exact]") {
    tests::in_fiber_and_thread([] {
        char c = 'x';
        iovec const none{&c, 0};
        tests::descriptor const event(::eventfd(0, EFD_CLOEXEC));
        CHECK(io::read(event.get(), &c, 0) == -1);
        CHECK(tests::last_error() == EINVAL);
        CHECK(io::write(event.get(), &c, 0) == -1);
        CHECK(tests::last_error() == EINVAL);
        CHECK(io::readv(event.get(), &none, 1) == 0);
        CHECK(io::writev(event.get(), &none, 1) == 0);
        auto const pair = tests::unix_sockets(SOCK_DGRAM);
        CHECK(io::writev(pair.out.get(), &none, 1) == 0); // sends nothing
        CHECK(io::recv(pair.in.get(), &c, 1, MSG_DONTWAIT) == -1);
        CHECK(tests::last_error() == EAGAIN);
        CHECK(io::write(pair.out.get(), &c, 0) == 0); // sends an empty datagram
        CHECK(io::recv(pair.in.get(), &c, 1, MSG_DONTWAIT) == 0);
    });
}

TEST_CASE("a fiber that reads parks until data or the end comes", "[io]") {
    for (auto& p : stream_pairs()) {
        tests::expect expect;
        char c = 0;
        iovec const one{&c, 1};
        tests::expect_parks([&] { expect(io::read(p.in.get(), &c, 1) == 1 && c == 'x', "read"); },
                            [&] { give(p.out.get(), "x"); });
        tests::expect_parks([&] { expect(io::readv(p.in.get(), &one, 1) == 1 && c == 'y', "readv"); },
                            [&] { give(p.out.get(), "y"); });
        tests::expect_parks([&] { expect(io::read(p.in.get(), &c, 1) == 0, "end"); }, [&] { p.out.close(); });
    }
}

TEST_CASE("a fiber that writes more than fits parks, and writes everything", "[io]") {
    std::string const text(4'000'000, 'w');
    for (auto& p : stream_pairs()) {
        tests::expect expect;
        std::string got;
        tests::expect_parks(
            [&] {
                expect(io::write(p.out.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()),
                       "write");
            },
            [&] { got = take(p.in.get(), text.size()); });
        CHECK(got == text);
    }
}

TEST_CASE("a fiber writes many buffers whole", "[io]") {
    constexpr int count = 100;
    std::string text;
    for (int i = 0; i < count; ++i)
        text.append(20'000, static_cast<char>('a' + i % 26));
    std::vector<iovec> buffers(count);
    for (std::size_t i = 0; i < count; ++i)
        buffers[i] = {text.data() + i * 20'000, 20'000};
    for (auto& p : stream_pairs()) {
        tests::expect expect;
        std::string got;
        tests::expect_parks(
            [&] {
                expect(io::writev(p.out.get(), buffers.data(), count) == static_cast<ssize_t>(text.size()),
                       "writev");
            },
            [&] { got = take(p.in.get(), text.size()); });
        CHECK(got == text);
    }
}

TEST_CASE("a write that an error ends returns what it has written, then the error", "[io][exact]") {
    static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
    std::string const text(4'000'000, 'w');
    for (auto& p : stream_pairs()) {
        tests::expect expect;
        tests::expect_parks(
            [&] {
                ssize_t const n = io::write(p.out.get(), text.data(), text.size());
                expect(n > 0 && n < static_cast<ssize_t>(text.size()), "a part");
            },
            [&] { p.in.close(); });
        fiber::run([&] {
            ssize_t n = 0;
            for (int i = 0; i < 3 && n != -1; ++i) // TCP: ECONNRESET may come first
                n = io::write(p.out.get(), text.data(), 1);
            expect(n == -1 && (tests::last_error() == EPIPE || tests::last_error() == ECONNRESET),
                   "the error");
        });
    }
}

TEST_CASE("recv and send transfer data, and know their flags", "[io]") {
    tests::in_fiber_and_thread([] {
        auto const p = tests::tcp_sockets();
        char buffer[16] = {};
        CHECK(io::recv(p.in.get(), buffer, 4, MSG_DONTWAIT) == -1);
        CHECK(tests::last_error() == EAGAIN);
        CHECK(io::send(p.out.get(), "hello", 5, MSG_NOSIGNAL) == 5);
        CHECK(io::recv(p.in.get(), buffer, 4, MSG_PEEK) == 4);
        CHECK(io::recv(p.in.get(), buffer, 16, MSG_PEEK) == 5);
        CHECK(io::recv(p.in.get(), buffer, 5, MSG_WAITALL) == 5);
        CHECK(std::string_view(buffer) == "hello");
        CHECK(io::recv(p.in.get(), buffer, 4, MSG_ERRQUEUE) == -1);
        CHECK(tests::last_error() == EAGAIN);
        CHECK(io::recv(p.in.get(), buffer, 1, MSG_OOB) == -1);
        CHECK(tests::last_error() == EINVAL);
        CHECK(io::send(p.out.get(), "!", 1, MSG_OOB) == 1);
        pollfd urgent{p.in.get(), POLLPRI, 0};
        CHECK(::poll(&urgent, 1, 20'000) == 1);
        CHECK(io::recv(p.in.get(), buffer, 1, MSG_OOB) == 1);
        CHECK(buffer[0] == '!');
    });
}

TEST_CASE("MSG_WAITALL waits for all of a stream, for one datagram, and not past the end", "[io]") {
    tests::expect expect;
    auto const p = tests::tcp_sockets();
    char buffer[16] = {};
    tests::expect_parks(
        [&] {
            expect(io::recv(p.in.get(), buffer, 6, MSG_WAITALL) == 6, "all");
            expect(std::memcmp(buffer, "abcdef", 6) == 0, "the bytes");
            expect(io::recv(p.in.get(), buffer, 6, MSG_WAITALL) == 2, "the end");
        },
        [&] {
            give(p.out.get(), "ab");
            fiber::this_fiber::sleep_for(std::chrono::milliseconds(1));
            give(p.out.get(), "cdef");
            fiber::this_fiber::sleep_for(std::chrono::milliseconds(1));
            give(p.out.get(), "gh");
            ::shutdown(p.out.get(), SHUT_WR);
        });
    auto const d = tests::unix_sockets(SOCK_DGRAM);
    tests::expect_parks([&] { expect(io::recv(d.in.get(), buffer, 16, MSG_WAITALL) == 3, "a datagram"); },
                        [&] { give(d.out.get(), "one"); });
}
