// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stream_test: reads, writes, send_file and the adoption of descriptors.

#include "tests/support/catch.hpp"
#include "tests/support/chaos.hpp"
#include "tests/support/code_of.hpp"
#include "tests/support/concurrent_run.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/leaks.hpp"
#include "tests/support/sockets.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <thread>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/uio.h>

using fiber::net::tcp_stream;
using std::errc;
using tests::bytes, tests::room;
using namespace std::chrono_literals;

namespace {

std::string pattern(std::size_t n) {
    std::string text(n, '\0');
    for (std::size_t i = 0; i < n; ++i)
        text[i] = static_cast<char>('a' + (i * 2654435761u >> 7) % 26);
    return text;
}

int option(tcp_stream const& s, int level, int name) {
    int value = 0;
    socklen_t size = sizeof value;
    return ::getsockopt(s.native_handle(), level, name, &value, &size) == 0 ? value : -1;
}

iovec piece(std::string& s) { return {s.data(), s.size()}; }

std::sig_atomic_t volatile raised_sigpipes = 0;

// Makes the socket send a reset when it is closed.
void reset_on_close(tcp_stream const& s) {
    linger const now{1, 0};
    ::setsockopt(s.native_handle(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

} // namespace

TEST_CASE("read_some returns what is there, and 0 at the end", "[stream]") {
    tests::for_each_kind_of_stream([](auto make) {
        auto [here, there] = make();
        std::array<char, 100> buffer{};
        here.write_all(bytes("hello"));
        CHECK(there.read_some(room(buffer)) == 5);
        CHECK(std::string_view(buffer.data(), 5) == "hello");
        CHECK(there.read_some({}) == 0);
        here.close();
        CHECK(there.read_some(room(buffer)) == 0);
        CHECK(there.read_some(room(buffer)) == 0);
        CHECK(there.read_some({}) == 0);
    });
}

TEST_CASE("a reader waits for data", "[stream]") {
    tests::for_each_kind_of_stream([](auto make) {
        auto pair = make();
        auto reader = fiber::go([&] {
            for (int i = 0; i < 100; ++i)
                pair.there.write_all(bytes(tests::read_text(pair.there, 3)));
        });
        for (int i = 0; i < 100; ++i) {
            pair.here.write_all(bytes("abc"));
            CHECK(tests::read_text(pair.here, 3) == "abc");
        }
        reader.join();
    });
}

TEST_CASE("read_exact fails with connection_aborted at the end, and keeps what came", "[stream]") {
    tests::for_each_kind_of_stream([](auto make) {
        auto pair = make();
        pair.here.write_all(bytes("12345abc"));
        pair.here.shutdown_write();
        std::string text(5, '.');
        pair.there.read_exact(room(text));
        CHECK(text == "12345");
        std::error_code error;
        CHECK(pair.there.read_exact(room(text), error) == 3);
        CHECK(error == errc::connection_aborted);
        CHECK(text == "abc45");
        CHECK(tests::code_of([&] { pair.there.read_exact(room(text)); }) == errc::connection_aborted);
        CHECK(pair.there.read_exact({}, error) == 0);
        CHECK(!error);
    });
}

TEST_CASE("write_all sends more than the buffers hold", "[stream]") {
    tests::for_each_kind_of_stream([](auto make) {
        auto pair = make();
        std::string const text = pattern(12'000'000);
        auto writer = fiber::go([&] {
            pair.here.write_all(bytes(text));
            pair.here.shutdown_write();
        });
        CHECK((tests::read_text(pair.there, text.size() + 1) == text));
        writer.join();
    });
}

TEST_CASE("writev_all sends all pieces in order, and readv_some fills the buffers in order", "[stream]") {
    tests::for_each_kind_of_stream([](auto make) {
        auto pair = make();
        std::string const text = pattern(3'000'000);
        std::vector<std::string> pieces;
        for (std::size_t begin = 0, i = 0; begin < text.size();
             begin += i % 7 == 0 ? 0 : i * 31 % 40'000, ++i)
            pieces.push_back(text.substr(begin, i % 7 == 0 ? 0 : i * 31 % 40'000));
        std::vector<iovec> vectors;
        std::ranges::transform(pieces, std::back_inserter(vectors), piece);
        REQUIRE(vectors.size() > 64);
        auto writer = fiber::go([&] {
            pair.here.writev_all(vectors);
            pair.here.writev_all({});
            pair.here.shutdown_write();
        });
        std::string all;
        for (;;) {
            std::string first(7, '\0'), second, third(5000, '\0');
            std::array const buffers{piece(first), piece(second), piece(third)};
            auto const n = pair.there.readv_some(buffers);
            if (n == 0)
                break;
            all.append(first + third, 0, n);
        }
        CHECK((all == text));
        CHECK(pair.there.readv_some({}) == 0);
        writer.join();
    });
}

TEST_CASE("writers never interleave", "[stream]") {
    tests::for_each_mix([](tests::mix const& mix) {
        auto pair = tests::tcp_pair();
        constexpr std::size_t block = 300'000;
        constexpr int rounds = 4;
        tests::expect expect;
        std::vector<int> seen(static_cast<std::size_t>(mix.size()));
        std::thread reader([&] {
            for (int i = 0; i < mix.size() * rounds; ++i) {
                auto const text = tests::read_text(pair.there, block);
                if (!expect(text.size() == block && text.find_first_not_of(text[0]) == std::string::npos,
                            "whole"))
                    return;
                ++seen[static_cast<std::size_t>(text[0] - 'A')];
            }
        });
        tests::run_concurrently(mix, [&](int i) {
            std::string text(block, static_cast<char>('A' + i));
            tests::temporary_file const file(text);
            for (int round = 0; round < rounds; ++round)
                if (round % 3 == 0)
                    pair.here.write_all(bytes(text));
                else if (round % 3 == 1)
                    pair.here.writev_all(
                        std::array{iovec{text.data(), 100'000}, iovec{text.data(), block - 100'000}});
                else
                    expect(pair.here.send_file(file.fd(), 0, block) == block, "sent");
        });
        reader.join();
        CHECK(std::ranges::count(seen, rounds) == mix.size());
    });
}

TEST_CASE("readers take turns in the order of their arrival", "[stream]") {
    fiber::run([] {
        auto pair = tests::tcp_pair();
        auto const parked = fiber::runtime::global().stats().fibers_parked;
        std::string order;
        std::vector<fiber::handle> readers;
        for (std::size_t i = 0; i < 5; ++i) {
            readers.push_back(fiber::go([&] { order += tests::read_text(pair.there, 1); }));
            tests::until_parked(parked + i + 1);
        }
        pair.here.write_all(bytes("abcde"));
        for (auto& r : readers)
            r.join();
        CHECK(order == "abcde");
    });
}

TEST_CASE("send_file sends a part of a file, and leaves the position", "[stream]") {
    tests::for_each_kind_of_stream([](auto make) {
        auto pair = make();
        std::string const text = pattern(5'000'000);
        tests::temporary_file const file(text);
        ::lseek(file.fd(), 17, SEEK_SET);
        auto sender = fiber::go([&] {
            CHECK(pair.here.send_file(file.fd(), 1000, 4'000'000) == 4'000'000);
            CHECK(pair.here.send_file(file.fd(), 4'999'990, 1000) == 10);
            CHECK(pair.here.send_file(file.fd(), 6'000'000, 1000) == 0);
            CHECK(pair.here.send_file(file.fd(), 0, 0) == 0);
            pair.here.shutdown_write();
        });
        auto const all = tests::read_text(pair.there, text.size());
        sender.join();
        CHECK((all == text.substr(1000, 4'000'000) + text.substr(4'999'990)));
        CHECK(::lseek(file.fd(), 0, SEEK_CUR) == 17);
        std::error_code error;
        CHECK(pair.here.send_file(-1, 0, 10, error) == 0);
        CHECK(error);
        CHECK(pair.here.send_file(file.fd(), ~std::uint64_t{0}, 10, error) == 0);
        CHECK(error == errc::invalid_argument);
    });
}

TEST_CASE("a write to a peer that has gone fails, without SIGPIPE", "[stream]") {
    raised_sigpipes = 0;
    auto* const old = std::signal(SIGPIPE, [](int) { raised_sigpipes = raised_sigpipes + 1; });
    tests::for_each_kind_of_stream([](auto make) {
        auto const is_gone = [](std::error_code const& error) {
            return error == errc::broken_pipe || error == errc::connection_reset;
        };
        std::string text = pattern(10'000'000);
        tests::temporary_file const file(text);
        for (int how = 0; how < 3; ++how) {
            auto pair = make();
            pair.here.write_all(bytes("unread"));
            pair.there.close();
            for (int again = 0; again < 3; ++again) {
                std::error_code error;
                if (how == 0)
                    pair.here.write_all(bytes(text), error);
                else if (how == 1)
                    pair.here.writev_all(std::array{piece(text)}, error);
                else
                    pair.here.send_file(file.fd(), 0, text.size(), error);
                CHECK(is_gone(error));
            }
        }
        // The peer goes in the middle of the operation.
        for (int how = 0; how < 20; ++how) {
            auto pair = make();
            auto closer = fiber::go([&, how] {
                tests::read_text(pair.there, 100'000 * static_cast<std::size_t>(how));
                pair.there.close();
            });
            std::error_code error;
            pair.here.send_file(file.fd(), 0, text.size(), error);
            CHECK(is_gone(error));
            closer.join();
        }
    });
    CHECK(raised_sigpipes == 0);
    std::signal(SIGPIPE, old);
}

TEST_CASE("send_file leaves a SIGPIPE that was pending before, and the signal mask", "[stream]") {
    auto pair = tests::tcp_pair();
    tests::temporary_file const file(pattern(1'000'000));
    pair.here.write_all(bytes("unread"));
    pair.there.close();
    auto const send = [&] {
        for (int i = 0; i < 3; ++i) {
            std::error_code error;
            pair.here.send_file(file.fd(), 0, 1'000'000, error);
            CHECK(error);
        }
    };
    auto const pending = [] {
        sigset_t set;
        ::sigpending(&set);
        return sigismember(&set, SIGPIPE) == 1;
    };
    sigset_t pipe, before, after;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
    send();
    ::pthread_sigmask(SIG_SETMASK, nullptr, &after);
    CHECK(sigismember(&after, SIGPIPE) == sigismember(&before, SIGPIPE));
    ::pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    send();
    CHECK(!pending());
    ::raise(SIGPIPE);
    send();
    CHECK(pending());
    timespec const at_once{};
    CHECK(::sigtimedwait(&pipe, nullptr, &at_once) == SIGPIPE);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_CASE("shutdown_write ends one direction", "[stream]") {
    tests::for_each_kind_of_stream([](auto make) {
        auto [here, there] = make();
        here.shutdown_write();
        CHECK(tests::read_text(there, 1).empty());
        there.write_all(bytes("still"));
        CHECK(tests::read_text(here, 5) == "still");
        CHECK(tests::code_of([&, &h = here] { h.write_all(bytes("x")); }) == errc::broken_pipe);
    });
}

TEST_CASE("a stream takes over a stream socket alone", "[stream]") {
    tests::no_open_descriptors const none;
    std::array<int, 2> fds{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()) == 0);
    {
        tcp_stream stream(fds[0]);
        CHECK(stream.native_handle() == fds[0]);
        CHECK((::fcntl(fds[0], F_GETFL) & O_NONBLOCK) != 0);
    }
    CHECK(::fcntl(fds[0], F_GETFL) == -1);
    ::close(fds[1]);

    CHECK(tests::code_of([] { tcp_stream s(-1); }) == errc::bad_file_descriptor);
    REQUIRE(::pipe(fds.data()) == 0);
    CHECK(tests::code_of([&] { tcp_stream s(fds[0]); }) == errc::not_a_socket);
    CHECK(::close(fds[0]) == 0); // the descriptor is still the caller's
    ::close(fds[1]);
    REQUIRE(::socketpair(AF_UNIX, SOCK_DGRAM, 0, fds.data()) == 0);
    CHECK(tests::code_of([&] { tcp_stream s(fds[0]); }) == errc::wrong_protocol_type);
    CHECK(::close(fds[0]) == 0);
    ::close(fds[1]);
    fiber::net::tcp_listener listener(tests::loopback());
    int const listening = listener.release();
    CHECK(tests::code_of([&] { tcp_stream s(listening); }) == errc::wrong_protocol_type);
    CHECK(::close(listening) == 0);
}

TEST_CASE("release gives the descriptor away", "[stream]") {
    tests::for_each_kind_of_stream([](auto make) {
        auto pair = make();
        tests::expect expect;
        auto reader = fiber::go([&] {
            expect(tests::code_of([&] {
                       pair.here.read_some(room(*std::make_unique<std::array<char, 9>>()));
                   }) == errc::operation_canceled,
                   "canceled");
        });
        tests::until_parked(1);
        int const number = pair.here.native_handle();
        int const fd = pair.here.release();
        reader.join();
        CHECK(fd == number);
        CHECK(pair.here.native_handle() == -1);
        CHECK(pair.here.release() == -1);
        CHECK(tests::code_of([&] { pair.here.write_all(bytes("x")); }) == errc::operation_canceled);
        tcp_stream again(fd);
        again.write_all(bytes("again"));
        CHECK(tests::read_text(pair.there, 5) == "again");
        pair.there.write_all(bytes("back"));
        CHECK(tests::read_text(again, 4) == "back");
    });
}

TEST_CASE("wait_readable is true for data, the end and errors, and takes nothing", "[stream]") {
    tests::for_each_kind_of_stream([](auto make) {
        auto pair = make();
        CHECK(!pair.here.wait_readable(tests::in(2ms)));
        CHECK(!pair.here.wait_readable(tests::in(-1h)));
        pair.there.write_all(bytes("x"));
        CHECK(pair.here.wait_readable());
        CHECK(pair.here.wait_readable(tests::in(-1h)));
        CHECK(tests::read_text(pair.here, 1) == "x");
        auto writer = fiber::go([&] {
            fiber::this_fiber::sleep_for(1ms);
            pair.there.close();
        });
        CHECK(pair.here.wait_readable(tests::in(1h)));
        CHECK(pair.here.wait_readable());
        CHECK(tests::read_text(pair.here, 1).empty());
        writer.join();
    });
    auto pair = tests::tcp_pair();
    tests::expect expect;
    auto reader = fiber::go([&] { expect(tests::read_text(pair.here, 1) == "x", "data"); });
    tests::until_parked(1);
    CHECK(!pair.here.wait_readable(tests::in(2ms))); // the reader has the turn
    pair.there.write_all(bytes("x"));
    reader.join();
    reset_on_close(pair.there);
    pair.there.close();
    CHECK(pair.here.wait_readable());
    CHECK(pair.here.wait_readable());
    std::array<char, 1> buffer{};
    CHECK(tests::code_of([&] { pair.here.read_some(room(buffer)); }) == errc::connection_reset);
}

TEST_CASE("connections have TCP_NODELAY and keep-alive, and are closed by exec", "[stream]") {
    auto const pair = tests::tcp_pair();
    for (tcp_stream const* each : {&pair.here, &pair.there}) {
        CHECK(option(*each, IPPROTO_TCP, TCP_NODELAY) == 1);
        CHECK(option(*each, SOL_SOCKET, SO_KEEPALIVE) == 1);
        CHECK(option(*each, IPPROTO_TCP, TCP_KEEPIDLE) == 15);
        CHECK(option(*each, IPPROTO_TCP, TCP_KEEPINTVL) == 15);
        CHECK((::fcntl(each->native_handle(), F_GETFD) & FD_CLOEXEC) != 0);
        CHECK((::fcntl(each->native_handle(), F_GETFL) & O_NONBLOCK) != 0);
    }
}

TEST_CASE("a stream knows both its endpoints", "[stream]") {
    auto const pair = tests::tcp_pair();
    CHECK(pair.here.local_endpoint() == pair.there.remote_endpoint());
    CHECK(pair.there.local_endpoint() == pair.here.remote_endpoint());
    CHECK(pair.here.local_endpoint().port() != 0);
    auto const local = tests::unix_pair();
    CHECK(local.here.local_endpoint().is_unix());
}

TEST_CASE("a stream without a socket fails with bad_file_descriptor", "[stream]") {
    auto pair = tests::tcp_pair();
    tcp_stream const moved = std::move(pair.here);
    tcp_stream none;
    std::array<char, 4> buffer{};
    std::array const vectors{iovec{buffer.data(), buffer.size()}};
    for (tcp_stream* s : {&none, &pair.here}) {
        std::error_code error;
        auto const failed = [&] { return std::exchange(error, {}) == errc::bad_file_descriptor; };
        s->read_some(room(buffer), error);
        CHECK(failed());
        s->readv_some(vectors, error);
        CHECK(failed());
        s->read_exact(room(buffer), error);
        CHECK(failed());
        s->write_all(bytes("x"), error);
        CHECK(failed());
        s->writev_all(vectors, error);
        CHECK(failed());
        s->send_file(0, 0, 1, error);
        CHECK(failed());
        s->shutdown_write(error);
        CHECK(failed());
        static_cast<void>(s->local_endpoint(error));
        CHECK(failed());
        static_cast<void>(s->remote_endpoint(error));
        CHECK(failed());
        s->wait_readable(error);
        CHECK(failed());
        CHECK(s->native_handle() == -1);
        CHECK(s->release() == -1);
        s->set_deadline(tests::in(1s));
        s->close();
    }
}

TEST_CASE("operations clear the error_code when they succeed", "[stream]") {
    auto pair = tests::tcp_pair();
    std::error_code error = std::make_error_code(errc::io_error);
    CHECK(pair.here.write_all(bytes("ab"), error) == 2);
    CHECK(!error);
    error = std::make_error_code(errc::io_error);
    std::array<char, 2> buffer{};
    CHECK(pair.there.read_exact(room(buffer), error) == 2);
    CHECK(!error);
}

TEST_CASE("messages of errors name the operation", "[stream]") {
    auto pair = tests::tcp_pair();
    std::string const expected = "write to a stream: " + std::generic_category().message(ECANCELED);
    pair.here.close();
    CHECK_THROWS_WITH(pair.here.write_all(bytes("x")), expected);
}
