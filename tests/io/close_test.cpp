// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// close_test: close, destruction and release while agents use a socket; many connections; several runtimes.

#include "tests/support/catch.hpp"
#include "tests/support/chaos.hpp"
#include "tests/support/child.hpp"
#include "tests/support/code_of.hpp"
#include "tests/support/concurrent_run.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/leaks.hpp"
#include "tests/support/sockets.hpp"

#include <fiber/go.hpp>
#include <fiber/runtime.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

using fiber::net::tcp_listener, fiber::net::tcp_stream;
using std::errc;
using tests::bytes, tests::room;
using namespace std::chrono_literals;

namespace {

// Reads in half of the agents, and writes in the others: more than the system buffers.
std::error_code use(tcp_stream& stream, int i) {
    static std::string const block(20'000'000, 'x');
    std::array<char, 1000> buffer{};
    std::error_code error;
    if (i % 2 == 0)
        stream.read_some(room(buffer), error);
    else
        stream.write_all(bytes(block), error);
    return error;
}

} // namespace

TEST_CASE("close and release wake readers, writers and all that wait for their turn", "[close]") {
    tests::no_open_descriptors const none;
    for (auto* const make : {tests::tcp_pair, tests::unix_pair})
        for (bool const by_close : {true, false})
            tests::for_each_mix([&](tests::mix const& mix) {
                auto pair = make();
                tests::fill(pair.here);
                tests::expect expect;
                std::atomic<int> started{0};
                std::thread closer([&] {
                    while (started < mix.size())
                        std::this_thread::yield();
                    std::this_thread::sleep_for(3ms);
                    if (by_close)
                        pair.here.close();
                    else
                        ::close(pair.here.release());
                });
                tests::run_concurrently(mix, [&](int i) {
                    ++started;
                    expect(use(pair.here, i) == errc::operation_canceled, "canceled");
                });
                closer.join();
            });
}

TEST_CASE("a stream may be destroyed while fibers wait for it", "[close]") {
    tests::no_open_descriptors const none;
    for (auto* const make : {tests::tcp_pair, tests::unix_pair}) {
        auto pair = make();
        tests::fill(pair.here);
        auto stream = std::make_unique<tcp_stream>(std::move(pair.here));
        tests::expect expect;
        std::vector<fiber::handle> fibers;
        for (int i = 0; i < 6; ++i)
            fibers.push_back(fiber::go([&expect, i, s = stream.get()] {
                expect(use(*s, i) == errc::operation_canceled, "canceled");
            }));
        tests::until_parked(6);
        stream.reset();
        for (auto& f : fibers)
            f.join();
    }
}

TEST_CASE("close may come at any moment of an operation", "[close]") {
    tests::no_open_descriptors const none;
    tests::expect expect;
    for (std::uint64_t round = 0; round < 300; ++round) {
        auto pair = round % 2 == 0 ? tests::tcp_pair() : tests::unix_pair();
        std::vector<fiber::handle> fibers;
        for (int i = 0; i < 4; ++i)
            fibers.push_back(fiber::go([&, i, round] {
                tests::chaos chaos(round * 4 + static_cast<std::uint64_t>(i));
                while (!use(pair.here, i))
                    chaos();
                expect(use(pair.here, i) == errc::operation_canceled, "canceled");
            }));
        auto peer = fiber::go([&] {
            std::error_code error;
            std::string block(1000, 'y');
            while (!error && pair.there.read_some(room(block), error) != 0)
                pair.there.write_all(bytes(block), error);
        });
        tests::chaos chaos(round);
        for (int i = 0; i < 5; ++i)
            chaos();
        pair.here.close();
        CHECK(pair.here.native_handle() == -1);
        for (auto& f : fibers)
            f.join();
        pair.there.close();
        peer.join();
    }
}

TEST_CASE("close frees the descriptor before it returns, and twice is once", "[close]") {
    tests::for_each_kind_of_stream([](auto make) {
        auto pair = make();
        tests::expect expect;
        auto reader = fiber::go([&] { expect(use(pair.here, 0) == errc::operation_canceled, "canceled"); });
        tests::until_parked(1);
        int const fd = pair.here.native_handle();
        pair.here.close();
        CHECK(::fcntl(fd, F_GETFD) == -1);
        int const reused = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, fd);
        CHECK(reused == fd);
        pair.here.close();
        pair.here = tcp_stream();
        CHECK(::fcntl(fd, F_GETFD) != -1);
        ::close(reused);
        reader.join();
    });
}

TEST_CASE("after close all operations are canceled", "[close]") {
    auto pair = tests::tcp_pair();
    pair.here.close();
    std::array<char, 4> buffer{};
    std::array const vectors{iovec{buffer.data(), buffer.size()}};
    std::error_code error;
    auto const canceled = [&] { return std::exchange(error, {}) == errc::operation_canceled; };
    pair.here.read_some(room(buffer), error);
    CHECK(canceled());
    pair.here.readv_some(vectors, error);
    CHECK(canceled());
    pair.here.read_exact(room(buffer), error);
    CHECK(canceled());
    pair.here.write_all(bytes("x"), error);
    CHECK(canceled());
    pair.here.writev_all(vectors, error);
    CHECK(canceled());
    pair.here.send_file(0, 0, 1, error);
    CHECK(canceled());
    pair.here.shutdown_write(error);
    CHECK(canceled());
    static_cast<void>(pair.here.local_endpoint(error));
    CHECK(canceled());
    static_cast<void>(pair.here.remote_endpoint(error));
    CHECK(canceled());
    pair.here.wait_readable(error);
    CHECK(canceled());
    pair.here.set_deadline(tests::in(1s));
    CHECK(pair.here.release() == -1);
}

TEST_CASE("clients that connect, write, reset and close at random leave nothing behind", "[close]") {
    tests::no_open_descriptors const none;
    tests::no_leaks const no_leaks;
    tests::expect expect;
    tcp_listener listener(tests::loopback());
    auto server = fiber::go([&] {
        for (;;) {
            std::error_code error;
            auto stream = std::make_shared<tcp_stream>(listener.accept(error));
            if (error)
                return;
            fiber::go([stream] {
                std::array<char, 4096> buffer{};
                std::error_code failure;
                std::size_t n = 1;
                while (n != 0 && !failure) {
                    n = stream->read_some(room(buffer), failure);
                    stream->write_all(bytes(std::string_view(buffer.data(), n)), failure);
                }
            }).detach();
        }
    });
    auto const at = listener.local_endpoint();
    std::vector<fiber::handle> clients;
    std::atomic<int> echoed{0};
    for (std::uint64_t i = 0; i < 200; ++i)
        clients.push_back(fiber::go([&, i] {
            tests::chaos chaos(i);
            for (int round = 0; round < 5; ++round, chaos()) {
                std::error_code error;
                auto stream = tcp_stream::connect(at, error);
                if (!expect(!error, "connected"))
                    return;
                std::string const text(1 + chaos.below(20'000), 'z');
                stream.write_all(bytes(text), error);
                switch (chaos.below(4)) {
                case 0: { // reset
                    linger const now{1, 0};
                    ::setsockopt(stream.native_handle(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
                    break;
                }
                case 1: // closed with data unread
                    break;
                default:
                    expect(tests::read_text(stream, text.size()) == text, "echo");
                    ++echoed;
                }
            }
        }));
    for (auto& c : clients)
        c.join();
    CHECK(echoed > 0);
    listener.close();
    server.join();
}

TEST_CASE("a client in an OS thread talks to a server of fibers", "[close]") {
    tcp_listener listener(tests::loopback());
    auto server = fiber::go([&] {
        auto stream = listener.accept();
        for (int i = 0; i < 500; ++i)
            stream.write_all(bytes(tests::read_text(stream, 10)));
    });
    tests::expect expect;
    std::thread client([&] {
        auto stream = tcp_stream::connect(listener.local_endpoint());
        for (int i = 0; i < 500; ++i) {
            stream.write_all(bytes("0123456789"));
            expect(tests::read_text(stream, 10) == "0123456789", "echo");
        }
    });
    client.join();
    server.join();
}

TEST_CASE("fibers of two runtimes share a stream", "[close]") {
    fiber::runtime other({.processors = 2});
    auto pair = tests::tcp_pair();
    tests::expect expect;
    constexpr int rounds = 300;
    auto const read = [&](int i) {
        std::array<char, 1> buffer{};
        std::error_code error;
        while (pair.here.read_some(room(buffer), error) == 1)
            ++i;
        return i;
    };
    std::atomic<int> total{0};
    auto first = fiber::go([&] { total += read(0); });
    auto second = other.go([&] { total += read(0); });
    for (int i = 0; i < rounds; ++i) {
        pair.there.write_all(bytes("x"));
        fiber::this_fiber::yield();
    }
    pair.there.close();
    first.join();
    second.join();
    CHECK(total == rounds);
}

TEST_CASE("a stream outlives the runtimes that have used it", "[close]") {
    tests::no_open_descriptors const none;
    auto pair = tests::tcp_pair();
    for (int i = 0; i < 5; ++i) {
        fiber::runtime runtime({.processors = 2});
        auto reader = runtime.go([&] { CHECK(tests::read_text(pair.here, 5) == "hello"); });
        tests::until_parked(1, runtime);
        pair.there.write_all(bytes("hello"));
        reader.join();
    }
}

TEST_CASE("close and deadlines end the waits of a runtime without a netpoller", "[close]") {
    auto pair = tests::tcp_pair();
    tests::fill(pair.here);
    tests::expect expect;
    tests::captured_stderr const output;
    tests::descriptor_limit const low(tests::lowest_free_descriptor());
    fiber::runtime runtime({.processors = 1});
    pair.here.set_read_deadline(tests::in(1ms));
    auto late = runtime.go([&] { expect(use(pair.here, 0) == errc::timed_out, "timed out"); });
    late.join();
    pair.here.set_read_deadline(tests::no_deadline);
    std::vector<fiber::handle> fibers;
    for (int i = 0; i < 4; ++i)
        fibers.push_back(
            runtime.go([&, i] { expect(use(pair.here, i) == errc::operation_canceled, "canceled"); }));
    std::this_thread::sleep_for(10ms);
    pair.here.close();
    for (auto& f : fibers)
        f.join();
}

TEST_CASE("a child of fork can use and close the streams of its parent", "[close]") {
    auto pair = tests::tcp_pair();
    tests::expect expect;
    auto const is_at_end = [&] { return tests::read_text(pair.here, 1).empty(); };
    auto reader = fiber::go([&] { expect(is_at_end(), "the end, in the parent"); });
    tests::until_parked(1); // in the child, nobody holds the direction
    CHECK(tests::in_child([&] {
              pair.there.shutdown_write();
              bool const ended = fiber::run(is_at_end);
              pair.here.close();
              pair.there.close();
              return ended && pair.here.native_handle() == -1;
          }) == 0);
    pair.there.shutdown_write(); // under a sanitizer, the child does nothing
    reader.join();
    pair.here.write_all(bytes("x"));
    CHECK(tests::read_text(pair.there, 1) == "x");
}
