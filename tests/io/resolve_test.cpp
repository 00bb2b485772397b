// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// resolve_test: resolve() with the C library, and its parts with a look-up function of the test.

#include "tests/support/catch.hpp"
#include "tests/support/child.hpp"
#include "tests/support/concurrent_run.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/leaks.hpp"

#include "runtime/net/interleave_families.hpp"
#include "runtime/net/resolver.hpp"

#include <fiber/go.hpp>
#include <fiber/inspect.hpp>
#include <fiber/net/resolve.hpp>
#include <fiber/runtime.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <netdb.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

using fiber::net::endpoint;
using fiber::net::resolve;
using namespace std::chrono_literals;
namespace rt = fiber::rt;

namespace {

using results = std::vector<endpoint>;

constexpr auto never = fiber::detail::never;
auto after(std::chrono::milliseconds d) { return std::chrono::steady_clock::now() + d; }

// A look-up function that waits until it may go on. It answers with one address, and the service as its port.
// Each case uses another kind: a case's abandoned look-ups may outlive it.
template <int kind>
struct gate {
    static inline std::atomic<int> calls{0}, running{0}, max_running{0};
    static inline std::atomic<bool> open{false};

    static rt::lookup_result look_up(std::string const& host, std::string const& service) {
        ++calls;
        int const now = ++running;
        for (int seen = max_running; seen < now && !max_running.compare_exchange_weak(seen, now);) {
        }
        while (!open)
            fiber::this_fiber::sleep_for(100us);
        --running;
        if (host == "missing")
            return {{EAI_NONAME, fiber::net::resolve_category()}, {}};
        if (host == "no memory")
            throw std::bad_alloc();
        return {{}, {endpoint::parse("127.0.0.1:" + service)}};
    }
    static inline constinit rt::resolver resolver{look_up};
};

template <class Condition>
void wait_for(Condition const& condition) {
    while (!condition())
        fiber::this_fiber::sleep_for(100us);
}

std::string failure_of(std::string_view host, std::string_view service) {
    try {
        static_cast<void>(resolve(host, service));
    } catch (std::system_error const& e) {
        return e.what();
    }
    return "found";
}

} // namespace

// ── what needs no look-up ──

TEST_CASE("numeric hosts with numeric services resolve to themselves", "[resolve]") {
    CHECK(resolve("192.0.2.1", "80") == results{endpoint::parse("192.0.2.1:80")});
    CHECK(resolve("::1", "443") == results{endpoint::parse("[::1]:443")});
    CHECK(resolve("fe80::1%3", "0") == results{endpoint::parse("[fe80::1%3]:0")});
    CHECK(resolve("::ffff:192.0.2.1", "1") == results{endpoint::parse("[::ffff:192.0.2.1]:1")});
    CHECK(resolve("192.0.2.1", "") == results{endpoint::parse("192.0.2.1:0")});
    CHECK(resolve("192.0.2.1", "0080") == results{endpoint::parse("192.0.2.1:80")});
}

TEST_CASE("an empty host resolves to both loopback addresses", "[resolve]") {
    CHECK(resolve("", "80") == results{endpoint::parse("[::1]:80"), endpoint::parse("127.0.0.1:80")});
}

TEST_CASE("a unix path resolves to itself, without a service", "[resolve]") {
    CHECK(resolve("unix:/run/x", "") == results{endpoint::parse("unix:/run/x")});
    CHECK(resolve("unix:@x", "") == results{endpoint::parse("unix:@x")});
    std::error_code error;
    CHECK(resolve("unix:/run/x", "80", error).empty());
    CHECK(error.value() == EAI_SERVICE);
    CHECK(resolve("unix:", "", error).empty());
    CHECK(error == std::errc::invalid_argument);
}

TEST_CASE("a port beyond 65535 is no service", "[resolve]") {
    std::error_code error;
    for (char const* const service : {"65536", "99999999999999999999999"}) {
        CHECK(resolve("127.0.0.1", service, error).empty());
        CHECK(error.value() == EAI_SERVICE);
        CHECK(&error.category() == &fiber::net::resolve_category());
    }
}

TEST_CASE("a byte 0 in a host or service is refused", "[resolve]") {
    std::error_code error;
    CHECK(resolve(std::string_view("localhost\0.evil", 15), "80", error).empty());
    CHECK(error.value() == EAI_NONAME);
    CHECK(resolve("localhost", std::string_view("80\0", 3), error).empty());
    CHECK(error.value() == EAI_SERVICE);
}

TEST_CASE("a deadline that has passed ends a look-up at once, of a numeric host too", "[resolve]") {
    std::error_code error;
    CHECK(resolve("127.0.0.1", "80", std::chrono::steady_clock::now(), error).empty());
    CHECK(error == std::errc::timed_out);
    CHECK_THROWS_WITH(resolve("127.0.0.1", "80", {}), "resolve 127.0.0.1:80: Connection timed out");
}

// ── the C library ──

TEST_CASE("localhost resolves to a loopback address, from fibers and OS threads", "[resolve]") {
    tests::no_leaks const no_leaks;
    auto const check = [] {
        auto const found = resolve("localhost", "80");
        CHECK(std::all_of(found.begin(), found.end(), [](endpoint const& e) { return e.port() == 80; }));
        CHECK(std::any_of(found.begin(), found.end(), [](endpoint const& e) {
            return e == endpoint::parse("127.0.0.1:80") || e == endpoint::parse("[::1]:80");
        }));
        for (auto const& each : found) // no duplicates
            CHECK(std::count(found.begin(), found.end(), each) == 1);
    };
    check();
    fiber::run(check);
    fiber::runtime other({.processors = 1});
    other.run(check);
}

TEST_CASE("many agents resolve names at the same time", "[resolve]") {
    tests::for_each_mix([](tests::mix const& c) {
        tests::expect expect;
        tests::run_concurrently(c, [&](int i) {
            for (int round = 0; round < 20; ++round) {
                auto const port = std::to_string(1 + (i + round) % 3);
                std::error_code error;
                auto const found = resolve("localhost", port, after(60s), error);
                expect(!error, "no error");
                expect(!found.empty() && std::to_string(found.front().port()) == port, "the port");
            }
        });
    });
}

TEST_CASE("a numeric host with the name of a service resolves, for TCP or UDP", "[resolve]") {
    if (::getservbyname("https", "tcp") == nullptr)
        return; // no /etc/services here
    CHECK(resolve("192.0.2.1", "https") == results{endpoint::parse("192.0.2.1:443")});
    if (::getservbyname("tftp", "udp") != nullptr)
        CHECK(resolve("192.0.2.1", "tftp") == results{endpoint::parse("192.0.2.1:69")});
}

TEST_CASE("an unknown service fails with EAI_SERVICE", "[resolve]") {
    CHECK(failure_of("192.0.2.1", "no-such-service") ==
          "resolve 192.0.2.1:no-such-service: " + std::string(::gai_strerror(EAI_SERVICE)));
}

TEST_CASE("a host that cannot exist fails with an error of resolve_category", "[resolve]") {
    // An empty label: no name server is asked.
    for (std::string const host : {"a..b", "1.2.3.4.5..", "[::1]", "::1::"}) {
        INFO(host);
        std::error_code error;
        CHECK(resolve(host, "80", error).empty());
        CHECK(error);
        CHECK(&error.category() == &fiber::net::resolve_category());
        CHECK(failure_of(host, "80") == "resolve " + host + ":80: " + error.message());
    }
    CHECK(failure_of("a..b", "") == "resolve a..b: " + std::string(::gai_strerror(EAI_NONAME)));
}

TEST_CASE("without free descriptors, the error says so", "[resolve]") {
    // In a child: other fibers and threads would fail, too.
    CHECK(tests::in_child([] {
              rlimit limit{};
              static_cast<void>(resolve("localhost", "80")); // starts the runtime, which needs descriptors
              ::getrlimit(RLIMIT_NOFILE, &limit);
              limit.rlim_cur = 64;
              ::setrlimit(RLIMIT_NOFILE, &limit);
              while (::open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0) {
              }
              auto const says_so = [](char const* host, char const* service) {
                  std::error_code error;
                  return resolve(host, service, error).empty() && error == std::errc::too_many_files_open;
              };
              return says_so("nosuch.invalid", "80") && says_so("192.0.2.1", "https");
          }) == 0);
}

TEST_CASE("errors of look-ups have the C library's messages, and equal std::errc's", "[resolve]") {
    auto const& category = fiber::net::resolve_category();
    CHECK(std::string(category.name()) == "resolve");
    for (int const code : {EAI_NONAME, EAI_AGAIN, EAI_FAIL, EAI_SERVICE, EAI_MEMORY})
        CHECK(category.message(code) == ::gai_strerror(code));
    CHECK(std::error_code(EAI_AGAIN, category) == std::errc::resource_unavailable_try_again);
    CHECK(std::error_code(EAI_MEMORY, category) == std::errc::not_enough_memory);
    CHECK(std::error_code(EAI_FAMILY, category) == std::errc::address_family_not_supported);
    CHECK(std::error_code(EAI_NONAME, category) != std::errc::no_such_file_or_directory);
    CHECK(std::error_code(EAI_NONAME, category) == std::error_code(EAI_NONAME, category));
}

// ── the resolver, with a look-up function of the test ──

TEST_CASE("equal look-ups under way share one call, different ones do not", "[resolve]") {
    tests::no_leaks const no_leaks;
    using names = gate<0>;
    std::vector<fiber::handle> agents;
    tests::expect expect;
    std::atomic<int> begun{0};
    for (int i = 0; i < 60; ++i)
        agents.push_back(fiber::go([&, port = std::to_string(1 + i % 3)] {
            ++begun;
            auto const found = names::resolver.resolve("host", port, never);
            expect(found.addresses == results{endpoint::parse("127.0.0.1:" + port)}, "the answer");
        }));
    wait_for([&] { return begun == 60 && names::calls == 3; });
    names::open = true;
    for (auto& each : agents)
        each.join();
    CHECK(names::max_running == 3);
    static_cast<void>(names::resolver.resolve("host", "1", never));
    CHECK(names::calls > 3); // a call that has ended is not shared
}

TEST_CASE("OS threads and fibers of several runtimes share a look-up", "[resolve]") {
    using names = gate<1>;
    tests::for_each_mix([](tests::mix const& c) {
        names::open = false;
        int const before = names::calls;
        tests::expect expect;
        std::atomic<int> missing{c.size()};
        tests::run_concurrently(c, [&](int) {
            if (--missing == 0)
                names::open = true;
            auto const found = names::resolver.resolve("host", "7", never);
            expect(found.addresses == results{endpoint::parse("127.0.0.1:7")}, "the answer");
        });
        CHECK(names::calls > before);
        CHECK(names::calls <= before + c.size());
    });
}

TEST_CASE("at most 64 look-ups run at the same time, and all get their answer", "[resolve]") {
    tests::no_leaks const no_leaks;
    using names = gate<2>;
    constexpr int all = 300, limit = 64;
    std::vector<fiber::handle> agents;
    tests::expect expect;
    for (int i = 0; i < all; ++i)
        agents.push_back(fiber::go([&, port = std::to_string(1 + i)] {
            auto const found = names::resolver.resolve("host", port, never);
            expect(found.addresses == results{endpoint::parse("127.0.0.1:" + port)}, "the answer");
        }));
    wait_for([] { return names::running == limit; });
    CHECK(names::calls == limit);
    names::open = true;
    for (auto& each : agents)
        each.join();
    CHECK(names::max_running == limit);
    CHECK(names::calls == all);
    CHECK(names::running == 0);
}

TEST_CASE("a look-up is abandoned at its deadline, and its call goes on for others", "[resolve]") {
    tests::no_leaks const no_leaks;
    using names = gate<3>;
    auto const in_time = [] {
        std::string host("host"); // destroyed while the call goes on
        return names::resolver.resolve(host, "1", after(20ms));
    };
    CHECK(in_time().error == std::errc::timed_out);           // an OS thread
    CHECK(fiber::run(in_time).error == std::errc::timed_out); // a fiber
    wait_for([] { return names::running == 1; });
    auto patient =
        fiber::go([] { CHECK(names::resolver.resolve("host", "1", never).addresses.size() == 1); });
    names::open = true;
    patient.join();
}

TEST_CASE("a runtime ends while the call of its abandoned look-up goes on", "[resolve]") {
    tests::no_leaks const no_leaks;
    using names = gate<4>;
    {
        fiber::runtime other({.processors = 1});
        other.run(
            [] { CHECK(names::resolver.resolve("host", "1", after(1ms)).error == std::errc::timed_out); });
    }
    wait_for([] { return names::running == 1; }); // on a slow machine, the call may begin after the deadline
    names::open = true;
}

TEST_CASE("a queued look-up that all its callers have abandoned never runs", "[resolve]") {
    tests::no_leaks const no_leaks;
    using names = gate<5>;
    constexpr int limit = 64;
    std::vector<fiber::handle> agents;
    tests::expect expect;
    for (int i = 0; i < limit; ++i)
        agents.push_back(fiber::go([&, port = std::to_string(1000 + i)] {
            expect(!names::resolver.resolve("host", port, never).error, "an answer");
        }));
    wait_for([] { return names::running == limit; });
    std::vector<fiber::handle> impatient;
    for (int i = 0; i < 3 * limit; ++i)
        impatient.push_back(fiber::go([&, port = std::to_string(1 + i % limit)] {
            expect(names::resolver.resolve("host", port, after(20ms)).error == std::errc::timed_out,
                   "too late");
        }));
    std::vector<fiber::handle> patient; // among the others in the queue
    for (int i = 0; i < 3; ++i)
        patient.push_back(fiber::go([&, port = std::to_string(1 + i * 10)] {
            expect(!names::resolver.resolve("host", port, never).error, "an answer");
        }));
    for (auto& each : impatient)
        each.join();
    names::open = true;
    for (auto& each : agents)
        each.join();
    for (auto& each : patient)
        each.join();
    CHECK(names::calls == limit + 3);
}

TEST_CASE("deadlines and answers that come together leave nothing behind", "[resolve]") {
    tests::no_leaks const no_leaks;
    using names = gate<6>;
    names::open = true;
    tests::expect expect;
    tests::run_concurrently({6, 2}, [&](int i) {
        for (int round = 0; round < 200; ++round) {
            auto const service = std::to_string(1 + (i + round) % 2);
            auto const until = std::chrono::steady_clock::now() + std::chrono::microseconds(round);
            auto const found = names::resolver.resolve("host", service, until);
            expect(found.error == std::errc::timed_out ||
                       found.addresses == results{endpoint::parse("127.0.0.1:" + service)},
                   "one of two ends");
        }
    });
    wait_for([] { return names::running == 0; });
}

TEST_CASE("an error of the look-up function reaches all callers", "[resolve]") {
    using names = gate<7>;
    names::open = true;
    auto const missing = names::resolver.resolve("missing", "1", never);
    CHECK(missing.error.value() == EAI_NONAME);
    CHECK(missing.addresses.empty());
    CHECK(names::resolver.resolve("no memory", "1", never).error == std::errc::not_enough_memory);
}

TEST_CASE("the child of a fork resolves, although the parent's look-ups hold all places", "[resolve]") {
    using names = gate<8>;
    std::vector<fiber::handle> agents;
    for (int i = 0; i < 70; ++i)
        agents.push_back(fiber::go([port = std::to_string(1 + i)] {
            static_cast<void>(names::resolver.resolve("host", port, never));
        }));
    wait_for([] { return names::running == 64; });
    CHECK(tests::in_child([] {
              names::open = true;
              return names::resolver.resolve("host", "1", after(50s)).addresses.size() == 1;
          }) == 0);
    names::open = true;
    for (auto& each : agents)
        each.join();
}

TEST_CASE("the child of a fork resolves names with the C library", "[resolve]") {
    static_cast<void>(resolve("localhost", "80"));
    CHECK(tests::in_child([] { return !resolve("localhost", "80").empty(); }) == 0);
    CHECK(fiber::run([] { return tests::in_child([] { return !resolve("localhost", "81").empty(); }); }) ==
          0);
}

// ── Happy Eyeballs ──

TEST_CASE("interleaving alternates the families, beginning with the first address's", "[resolve]") {
    auto const v4 = [](int n) { return endpoint::parse("127.0.0." + std::to_string(n) + ":1"); };
    auto const v6 = [](int n) { return endpoint::parse("[::" + std::to_string(n) + "]:1"); };
    CHECK(rt::interleave_families({v6(1), v6(2), v6(3), v4(1), v4(2)}) ==
          results{v6(1), v4(1), v6(2), v4(2), v6(3)});
    CHECK(rt::interleave_families({v4(1), v6(1), v6(2), v6(3)}) == results{v4(1), v6(1), v6(2), v6(3)});
    CHECK(rt::interleave_families({v4(2), v4(1)}) == results{v4(2), v4(1)});
    CHECK(rt::interleave_families({}).empty());
}

TEST_CASE("the fibers of look-ups are not shown, a fiber of the program with their name is", "[resolve]") {
    using slow = gate<9>;
    fiber::leak_check const check;
    auto asks = fiber::go([] { static_cast<void>(slow::resolver.resolve("host", "1", never)); });
    wait_for([] { return slow::running == 1; });
    auto const is_listed = [](fiber::fiber_info const& f) { return f.name == "fiber::net::resolve"; };
    auto count = [&](std::vector<fiber::fiber_info> const& all) {
        return std::count_if(all.begin(), all.end(), is_listed);
    };
    CHECK(count(fiber::runtime::global().fibers()) == 0);
    CHECK(check.leaked(0ms).size() == 1); // the one that asks
    auto same_name =
        fiber::go({.name = "fiber::net::resolve"}, [] { wait_for([] { return slow::open.load(); }); });
    CHECK(count(fiber::runtime::global().fibers()) == 1);
    slow::open = true;
    asks.join();
    same_name.join();
}
