// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// io_signals_test.cpp: signals while fibers wait, and several agents at one descriptor.

#include "tests/support/descriptors.hpp"

#include <fiber/io.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

namespace io = fiber::io;

namespace {

std::atomic<int> signals{0};
void count_signal(int) { signals.fetch_add(1, std::memory_order_relaxed); }

// Handles SIGUSR1 without SA_RESTART while it lives.
class interrupting_handler {
public:
    interrupting_handler() {
        struct sigaction mine {};
        mine.sa_handler = count_signal;
        REQUIRE(::sigaction(SIGUSR1, &mine, &before_) == 0);
    }
    ~interrupting_handler() { ::sigaction(SIGUSR1, &before_, nullptr); }
    interrupting_handler(interrupting_handler const&) = delete;
    interrupting_handler& operator=(interrupting_handler const&) = delete;

private:
    struct sigaction before_ {};
};

} // namespace

TEST_CASE("signals that come while fibers wait do not end their calls", "[io]") {
    interrupting_handler const handler;
    tests::expect expect;
    signals = 0;
    std::vector<tests::descriptor_pair> pairs;
    for (int i = 0; i < 8; ++i)
        pairs.push_back(i % 2 == 0 ? tests::pipe_pair() : tests::tcp_sockets());
    tests::inet_address at;
    auto const listener = tests::listening_socket(at);
    std::atomic<bool> over{false};
    std::thread sender([&] {
        while (!over) {
            ::kill(::getpid(), SIGUSR1);
            std::this_thread::sleep_for(std::chrono::microseconds(200));
        }
    });
    fiber::run([&] {
        std::vector<fiber::handle> all;
        for (auto& p : pairs) {
            all.push_back(fiber::go([&] {
                char c = 0;
                for (int i = 0; i < 100; ++i) {
                    if (i % 2 == 0)
                        expect(io::read(p.in.get(), &c, 1) == 1, "read");
                    else {
                        pollfd file{p.in.get(), POLLIN, 0};
                        expect(io::poll(&file, 1, -1) == 1, "poll");
                        expect(io::read(p.in.get(), &c, 1) == 1, "read");
                    }
                }
            }));
            all.push_back(fiber::go([&] {
                for (int i = 0; i < 100; ++i) {
                    fiber::this_fiber::sleep_for(std::chrono::microseconds(500));
                    expect(io::write(p.out.get(), "x", 1) == 1, "write");
                }
            }));
        }
        all.push_back(fiber::go([&] {
            for (int i = 0; i < 20; ++i)
                expect(tests::descriptor(io::accept(listener.get(), nullptr, nullptr)).get() >= 0, "accept");
        }));
        all.push_back(fiber::go([&] {
            for (int i = 0; i < 20; ++i) {
                tests::descriptor const client(::socket(AF_INET, SOCK_STREAM, 0));
                tests::inet_address to = at;
                expect(io::connect(client.get(), to.get(), to.size) == 0, "connect");
                fiber::this_fiber::sleep_for(std::chrono::milliseconds(1));
            }
        }));
        for (auto& h : all)
            h.join();
    });
    over = true;
    sender.join();
    CHECK(signals > 0);
}

TEST_CASE("ppoll with a signal mask returns EINTR", "[io]") {
    interrupting_handler const handler;
    tests::expect expect;
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    auto const p = tests::pipe_pair();
    fiber::run([&] {
        fiber::thread_pin const pin;
        sigset_t before;
        ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
        ::pthread_kill(::pthread_self(), SIGUSR1);
        pollfd file{p.in.get(), POLLIN, 0};
        expect(io::ppoll(&file, 1, nullptr, &before) == -1 && tests::last_error() == EINTR, "EINTR");
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    });
}

TEST_CASE("several readers of one descriptor share what comes, and all see the end", "[io]") {
    for (auto make : {+[] { return tests::pipe_pair(); }, +[] { return tests::unix_sockets(); },
                      +[] { return tests::tcp_sockets(); }}) {
        constexpr int readers = 8;
        constexpr int bytes = 2000;
        tests::expect expect;
        auto p = make();
        std::atomic<int> received{0};
        fiber::run([&] {
            std::vector<fiber::handle> all;
            for (int i = 0; i < readers; ++i)
                all.push_back(fiber::go([&] {
                    char buffer[3];
                    ssize_t n = 0;
                    while ((n = io::read(p.in.get(), buffer, sizeof buffer)) > 0)
                        received += static_cast<int>(n);
                    expect(n == 0, "the end");
                }));
            for (int i = 0; i < bytes; ++i) {
                expect(io::write(p.out.get(), "x", 1) == 1, "write");
                if (i % 5 == 0)
                    fiber::this_fiber::yield();
            }
            p.out.close();
            for (auto& h : all)
                h.join();
        });
        CHECK(received == bytes);
    }
}

TEST_CASE("several writers of one descriptor all write whole", "[io]") {
    for (auto make : {+[] { return tests::pipe_pair(); }, +[] { return tests::tcp_sockets(); }}) {
        constexpr int writers = 4;
        constexpr std::size_t size = 300'000;
        tests::expect expect;
        auto const p = make();
        fiber::run([&] {
            std::string const text(size, 'w');
            std::vector<fiber::handle> all;
            for (int i = 0; i < writers; ++i)
                all.push_back(fiber::go([&] {
                    expect(io::write(p.out.get(), text.data(), size) == static_cast<ssize_t>(size), "whole");
                }));
            std::vector<char> buffer(100'000);
            for (std::size_t done = 0; done < writers * size;) {
                ssize_t const n = io::read(p.in.get(), buffer.data(), buffer.size());
                if (!expect(n > 0, "read"))
                    break;
                done += static_cast<std::size_t>(n);
            }
            for (auto& h : all)
                h.join();
        });
    }
}

TEST_CASE("several fibers that accept from one listener get one connection each", "[io]") {
    constexpr int count = 50;
    tests::expect expect;
    tests::inet_address at;
    auto const listener = tests::listening_socket(at);
    fiber::run([&] {
        std::vector<fiber::handle> all;
        for (int i = 0; i < 5; ++i)
            all.push_back(fiber::go([&] {
                for (int k = 0; k < count / 5; ++k)
                    expect(tests::descriptor(io::accept(listener.get(), nullptr, nullptr)).get() >= 0,
                           "accept");
            }));
        for (int i = 0; i < count; ++i) {
            tests::descriptor const client(::socket(AF_INET, SOCK_STREAM, 0));
            tests::inet_address to = at;
            expect(io::connect(client.get(), to.get(), to.size) == 0, "connect");
        }
        for (auto& h : all)
            h.join();
    });
}
