// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// connections_stress_test.cpp: clients that connect, write, reset and close at random, and a server that
// answers each. Nothing of them is left. FIBER_CLIENT_SECONDS is how long they do so.
#include "tests/support/catch.hpp"
#include "tests/support/chaos.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/leaks.hpp"
#include "tests/support/memory.hpp"
#include "tests/support/sockets.hpp"
#include "tests/support/tally.hpp"

#include <fiber/go.hpp>
#include <fiber/net.hpp>
#include <fiber/runtime.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

namespace net = fiber::net;

namespace {

using clock_type = std::chrono::steady_clock;

constexpr std::uint64_t clients = 200;

clock_type::duration how_long() {
    char const* const given = std::getenv("FIBER_CLIENT_SECONDS");
    return std::chrono::milliseconds(given != nullptr ? 1000 * std::atoi(given) : 100 * tests::scale);
}

void echo(net::tcp_stream stream) {
    std::string room(4096, '\0');
    std::error_code error;
    while (std::size_t const n = stream.read_some(tests::room(room), error))
        if (stream.write_all(tests::bytes(room).first(n), error) != n)
            break;
}

// Starts a fiber for each connection, until the listener is closed.
void serve(net::tcp_listener& listener) {
    for (;;) {
        std::error_code error;
        net::tcp_stream stream = listener.accept(error);
        if (error)
            return;
        fiber::go([s = std::move(stream)]() mutable { echo(std::move(s)); });
    }
}

// How a client leaves its connection.
void leave(net::tcp_stream& stream, tests::chaos& chaos) {
    std::error_code error;
    switch (chaos.below(4)) {
    case 0: {
        linger const at_once{1, 0}; // the server sees a reset
        ::setsockopt(stream.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        break;
    }
    case 1:
        stream.shutdown_write(error);
        while (!error) {
            std::string rest(4096, '\0');
            if (stream.read_some(tests::room(rest), error) == 0)
                break;
        }
        break;
    case 2:
        stream.close();
        break;
    default: // the destructor closes
        break;
    }
}

void run_client(std::span<net::tcp_listener const> servers, std::uint64_t me, clock_type::time_point end,
                tests::expect& expect, std::atomic<int>& answers) {
    tests::chaos chaos(me);
    while (clock_type::now() < end) {
        std::error_code error;
        auto const& server = servers[chaos.below(8) == 0 ? 0 : 1];
        auto stream =
            net::tcp_stream::connect(server.local_endpoint(), tests::in(std::chrono::seconds(60)), error);
        if (error == std::errc::address_not_available) { // too many TCP connections wait for their end
            fiber::this_fiber::yield();
            continue;
        }
        if (!expect(!error, "connect"))
            return;
        for (auto n = chaos.below(5); n > 0; --n) {
            std::string const text(1 + chaos.below(n == 1 ? 10'000 : 100), static_cast<char>('a' + me % 26));
            stream.write_all(tests::bytes(text), error);
            if (chaos.below(8) == 0)
                break; // the answer is on its way, and nobody reads it
            if (!expect(!error && tests::read_text(stream, text.size()) == text, "the answer"))
                return;
            ++answers;
        }
        chaos();
        leave(stream, chaos);
    }
}

void run_clients(clock_type::duration time) {
    tests::expect expect;
    tests::no_leaks const no_leaks;
    std::atomic<int> answers{0};
    fiber::run([&] {
        std::string const name = "unix:@fiber-connections-" + std::to_string(::getpid());
        std::array listeners{net::tcp_listener(tests::loopback()),
                             net::tcp_listener(net::endpoint::parse(name))};
        std::vector<fiber::handle> servers, all;
        for (auto& listener : listeners)
            servers.push_back(fiber::go([&] { serve(listener); }));
        for (std::uint64_t i = 0; i < clients; ++i)
            all.push_back(fiber::go(
                [&, i, end = clock_type::now() + time] { run_client(listeners, i, end, expect, answers); }));
        tests::join_all(all);
        for (auto& listener : listeners)
            listener.close();
        tests::join_all(servers);
    });
    CHECK(answers > 0);
}

} // namespace

TEST_CASE("nothing is left of connections that end in any way", "[stress][net]") {
    run_clients(how_long() / 4); // what is kept for later use exists now
    auto const memory = tests::resident_memory();
    {
        tests::no_open_descriptors const none;
        for (int i = 0; i < 3; ++i)
            run_clients(how_long() / 4);
    }
    if (tests::memory_is_ours)
        CHECK(tests::resident_memory() < memory + 32 * tests::mib);
}
