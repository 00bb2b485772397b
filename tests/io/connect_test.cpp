// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// connect_test: tcp_stream::connect to endpoints and to hosts.

#include "tests/support/catch.hpp"
#include "tests/support/child.hpp"
#include "tests/support/code_of.hpp"
#include "tests/support/sockets.hpp"

#include "runtime/net/connect.hpp"
#include "runtime/net/open_socket.hpp"

#include <fiber/go.hpp>

#include <cstring>
#include <fstream>
#include <optional>
#include <vector>

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

using fiber::net::endpoint, fiber::net::tcp_listener, fiber::net::tcp_stream;
using std::errc;
using tests::bytes;
using namespace std::chrono_literals;
namespace rt = fiber::rt;

namespace {

// A port of the loopback address on which nobody listens.
endpoint refusing() {
    tcp_listener const listener(tests::loopback());
    return listener.local_endpoint();
}

// A listener with a full backlog: the system drops further attempts to connect, which go on.
class silent_listener {
public:
    silent_listener() : listener_(tests::loopback(), {.backlog = 1}) {
        for (int i = 0; i < 2; ++i)
            streams_.push_back(tcp_stream::connect(address()));
    }
    [[nodiscard]] endpoint address() const { return listener_.local_endpoint(); }
    void accept_all() {
        for (int i = 0; i < 2; ++i)
            static_cast<void>(listener_.accept());
    }

private:
    tcp_listener listener_;
    std::vector<tcp_stream> streams_;
};

struct outcome {
    std::optional<endpoint> peer;
    std::error_code error;
};
outcome connect_to_any(std::vector<endpoint> const& targets,
                       std::chrono::steady_clock::time_point deadline = tests::in(60s)) {
    outcome o;
    rt::unique_record const record(rt::connect_to_any(targets, deadline, o.error));
    if (record != nullptr)
        o.peer = rt::peer_name(record->fd(), o.error);
    return o;
}

// Gives the calling process, which has one thread, a network with nothing but a loopback interface.
bool enter_network_of_its_own() {
    if (::unshare(CLONE_NEWNET) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        return false;
    int const fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP;
    bool const is_up = ::ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    ::close(fd);
    return is_up;
}

// Sets the ports that the system gives to clients.
bool set_client_ports(int first, int last) {
    std::ofstream range("/proc/sys/net/ipv4/ip_local_port_range");
    range << first << ' ' << last << std::flush;
    return range.good();
}

// Calls body() in a fiber, and in an OS thread.
template <class Body>
void in_fiber_and_thread(Body const& body) {
    fiber::run(body);
    body();
}

} // namespace

TEST_CASE("connect reaches a listener, and is refused without one", "[connect]") {
    tests::no_open_descriptors const none;
    in_fiber_and_thread([] {
        tcp_listener listener(tests::loopback());
        auto client = tcp_stream::connect(listener.local_endpoint(), tests::in(60s));
        auto server = tests::accept(listener, client);
        client.write_all(bytes("hello"));
        CHECK(tests::read_text(server, 5) == "hello");

        auto const nobody = refusing();
        CHECK(tests::code_of([&] { static_cast<void>(tcp_stream::connect(nobody)); }) ==
              errc::connection_refused);
        CHECK_THROWS_WITH(tcp_stream::connect(nobody),
                          "connect to " + to_string(nobody) + ": " +
                              std::make_error_code(errc::connection_refused).message());
        std::error_code error;
        CHECK(tcp_stream::connect(nobody, error).native_handle() == -1);
        CHECK(error == errc::connection_refused);
        static_cast<void>(tcp_stream::connect(endpoint(), error));
        CHECK(error);
    });
}

TEST_CASE("connect ends at the deadline", "[connect]") {
    tests::no_open_descriptors const none;
    in_fiber_and_thread([] {
        silent_listener const silent;
        auto const start = std::chrono::steady_clock::now();
        std::error_code error;
        static_cast<void>(tcp_stream::connect(silent.address(), tests::in(30ms), error));
        CHECK(error == errc::timed_out);
        CHECK(std::chrono::steady_clock::now() - start >= 30ms);
        tcp_listener const listener(tests::loopback());
        static_cast<void>(tcp_stream::connect(listener.local_endpoint(), tests::in(-1s), error));
        CHECK(error == errc::timed_out);
        static_cast<void>(tcp_stream::connect("localhost", 1, tests::in(-1s), error));
        CHECK(error == errc::timed_out);
    });
}

TEST_CASE("connect to a host looks it up, and the message names the host", "[connect]") {
    tests::no_open_descriptors const none;
    in_fiber_and_thread([] {
        tcp_listener listener(tests::loopback());
        auto const port = listener.local_endpoint().port();
        auto client = tcp_stream::connect("127.0.0.1", port);
        CHECK(client.remote_endpoint() == listener.local_endpoint());
        CHECK(tcp_stream::connect("localhost", port, tests::in(60s)).remote_endpoint().port() == port);
        std::error_code error;
        static_cast<void>(tcp_stream::connect("host.invalid", 80, error));
        CHECK(error.category() == fiber::net::resolve_category());
        auto const nobody = refusing().port();
        CHECK_THROWS_WITH(tcp_stream::connect("127.0.0.1", nobody),
                          "connect to 127.0.0.1:" + std::to_string(nobody) + ": " +
                              std::make_error_code(errc::connection_refused).message());
    });
}

TEST_CASE("connect tries the next address when one has failed, or after 250 ms", "[connect]") {
    tests::no_open_descriptors const none;
    in_fiber_and_thread([] {
        tcp_listener const listener(tests::loopback());
        silent_listener const silent;
        auto const start = std::chrono::steady_clock::now();
        CHECK(connect_to_any({refusing(), refusing(), listener.local_endpoint(), refusing()}).peer ==
              listener.local_endpoint());
        // The silent listener would answer after 1 s at the earliest: then the system sends SYN again.
        CHECK(connect_to_any({silent.address(), refusing(), listener.local_endpoint()}).peer ==
              listener.local_endpoint());
        CHECK(std::chrono::steady_clock::now() - start >= 250ms);
    });
}

TEST_CASE("the first connection wins, though it was not the last to start", "[connect]") {
    silent_listener first;
    silent_listener const second;
    auto helper = fiber::go([&] {
        fiber::this_fiber::sleep_for(400ms); // both attempts are under way
        first.accept_all();                  // the system accepts the next SYN
    });
    CHECK(connect_to_any({first.address(), second.address()}).peer == first.address());
    helper.join();
}

TEST_CASE("the error of the first attempt is reported", "[connect]") {
    tests::temporary_directory const directory;
    auto const missing = endpoint::parse("unix:" + directory.file("missing"));
    CHECK(connect_to_any({refusing(), missing}).error == errc::connection_refused);
    CHECK(connect_to_any({missing, refusing()}).error == errc::no_such_file_or_directory);
    silent_listener const silent;
    CHECK(connect_to_any({refusing(), silent.address()}, tests::in(10ms)).error == errc::timed_out);
}

TEST_CASE("a unix listener with a full backlog makes connect wait", "[connect]") {
    tests::no_open_descriptors const none;
    in_fiber_and_thread([] {
        tests::temporary_directory const directory;
        auto const path = endpoint::parse("unix:" + directory.file("socket"));
        tcp_listener listener(path, {.backlog = 0});
        auto const first = tcp_stream::connect(path);
        std::error_code error;
        static_cast<void>(tcp_stream::connect(path, tests::in(20ms), error));
        CHECK(error == errc::timed_out);
        auto helper = fiber::go([&] {
            fiber::this_fiber::sleep_for(5ms);
            static_cast<void>(listener.accept());
        });
        CHECK(tcp_stream::connect(path).remote_endpoint() == path);
        helper.join();
    });
}

TEST_CASE("a connection of a socket to itself is refused", "[connect]") {
    constexpr int ports = 8; // for clients, in a network of the child's own
    int const status = tests::in_child([] {
        if (!enter_network_of_its_own() || !set_client_ports(40'000, 40'000 + ports - 1))
            ::_exit(77);
        auto const target = tests::loopback(40'004);
        int refused = 0;
        for (int i = 0; i < 10 * ports; ++i) {
            std::error_code error;
            static_cast<void>(tcp_stream::connect(target, error));
            refused += error == errc::connection_refused;
        }
        return refused == 10 * ports;
    });
    if (status == 77)
        WARN("skipped: the system does not let this process make a network namespace");
    else
        CHECK(status == 0);
}
