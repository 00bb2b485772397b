// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// listener_test: tcp_listener: options, unix paths, many acceptors, and accept without descriptors.

#include "tests/support/catch.hpp"
#include "tests/support/child.hpp"
#include "tests/support/code_of.hpp"
#include "tests/support/concurrent_run.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/sockets.hpp"

#include <atomic>
#include <ctime>
#include <filesystem>
#include <optional>
#include <thread>
#include <vector>

using fiber::net::endpoint, fiber::net::tcp_listener, fiber::net::tcp_stream;
using std::errc;
using tests::bytes;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

endpoint any_ipv6_port() { return endpoint::parse("[::]:0"); }
endpoint mapped(endpoint const& to) { return endpoint::parse("127.0.0.1:" + std::to_string(to.port())); }

bool has_ipv6() {
    std::error_code error = {};
    try {
        tcp_listener const probe(endpoint::parse("[::1]:0"));
    } catch (std::system_error const& e) {
        error = e.code();
    }
    return !error;
}

} // namespace

TEST_CASE("port 0 chooses a port, and a used port is address_in_use", "[listener]") {
    tests::no_open_descriptors const none;
    tcp_listener const listener(tests::loopback());
    auto const at = listener.local_endpoint();
    CHECK(at.port() != 0);
    CHECK(tests::code_of([&] { tcp_listener second(at); }) == errc::address_in_use);
    CHECK_THROWS_WITH(tcp_listener(at), "listen on " + to_string(at) + ": " +
                                            std::make_error_code(errc::address_in_use).message());
    CHECK(tests::code_of([&] { tcp_listener third(endpoint{}); }) == errc::address_family_not_supported);
}

TEST_CASE("a port can be listened on again at once", "[listener]") {
    tests::no_open_descriptors const none;
    std::optional<tcp_listener> listener(tests::loopback());
    auto const at = listener->local_endpoint();
    auto client = tcp_stream::connect(at);
    {
        auto const server = listener->accept(); // closed first: it goes to TIME_WAIT
    }
    for (int i = 0; i < 20; ++i) {
        std::vector<fiber::handle> acceptors;
        for (int k = 0; k < 3; ++k)
            acceptors.push_back(fiber::go([&l = *listener] {
                std::error_code error;
                static_cast<void>(l.accept(error));
            }));
        if (i % 2 == 0)
            tests::until_parked(3);
        listener->close();
        tcp_listener next(at);
        for (auto& a : acceptors)
            a.join();
        listener = std::move(next);
    }
}

TEST_CASE("several agents accept at the same time", "[listener]") {
    tests::no_open_descriptors const none;
    tests::for_each_mix([](tests::mix const& mix) {
        tests::expect expect;
        tcp_listener listener(tests::loopback());
        std::atomic<int> served{0};
        constexpr int connections = 60;
        std::thread client([&] {
            for (int i = 0; i < connections; ++i) {
                auto stream = tcp_stream::connect(listener.local_endpoint());
                expect(tests::read_text(stream, 2) == "hi", "served");
            }
            listener.close();
        });
        tests::run_concurrently(mix, [&](int) {
            for (;;) {
                std::error_code error;
                auto stream = listener.accept(error);
                if (error) {
                    expect(error == errc::operation_canceled, "canceled");
                    return;
                }
                stream.write_all(bytes("hi"));
                ++served;
            }
        });
        client.join();
        CHECK(served == connections);
    });
}

TEST_CASE("reuse_port lets several listeners share a port", "[listener]") {
    tcp_listener first(tests::loopback(), {.reuse_port = true});
    tcp_listener second(first.local_endpoint(), {.reuse_port = true});
    CHECK(first.local_endpoint() == second.local_endpoint());
    CHECK(tests::code_of([&] { tcp_listener third(first.local_endpoint()); }) == errc::address_in_use);
}

TEST_CASE("a listener on [::] accepts connections over IPv4 if dual_stack is set", "[listener]") {
    if (!has_ipv6()) {
        WARN("skipped: no IPv6 here");
        return;
    }
    tcp_listener listener(any_ipv6_port());
    auto const client = tcp_stream::connect(mapped(listener.local_endpoint()));
    CHECK(tests::accept(listener, client).local_endpoint().port() == listener.local_endpoint().port());
    std::error_code error;
    int tries = 0;
    do { // the port is free for IPv4, unless another process has it
        tcp_listener const alone(any_ipv6_port(), {.dual_stack = false});
        error = tests::code_of([&] { tcp_listener both(mapped(alone.local_endpoint())); });
    } while (error == errc::address_in_use && ++tries < 20);
    CHECK(!error);
}

TEST_CASE("accept ends at the deadline", "[listener]") {
    tcp_listener listener(tests::loopback());
    listener.set_deadline(tests::in(5ms));
    CHECK(tests::code_of([&] { static_cast<void>(listener.accept()); }) == errc::timed_out);
    auto const client = tcp_stream::connect(listener.local_endpoint());
    CHECK(listener.wait_readable(tests::in(1s)) == false);
    CHECK(tests::code_of([&] { static_cast<void>(listener.accept()); }) == errc::timed_out);
    listener.set_deadline(tests::no_deadline);
    CHECK(listener.wait_readable());
    CHECK(tests::accept(listener, client).remote_endpoint() == client.local_endpoint());
}

TEST_CASE("a closed listener refuses, and its accept is canceled", "[listener]") {
    tcp_listener listener(tests::loopback());
    auto const at = listener.local_endpoint();
    listener.close();
    std::error_code error;
    static_cast<void>(listener.accept(error));
    CHECK(error == errc::operation_canceled);
    static_cast<void>(tcp_stream::connect(at, error));
    CHECK(error == errc::connection_refused);
    static_cast<void>(tcp_listener().accept(error));
    CHECK(error == errc::bad_file_descriptor);
}

TEST_CASE("a listener on a unix path makes the file, and unlinks it when it is closed", "[listener]") {
    tests::no_open_descriptors const none;
    tests::temporary_directory const directory;
    auto const path = directory.file("socket");
    auto const at = endpoint::parse("unix:" + path);
    for (int how = 0; how < 3; ++how) {
        tcp_listener listener(at);
        CHECK(fs::is_socket(path));
        CHECK(listener.local_endpoint() == at);
        auto client = tcp_stream::connect(at);
        auto server = listener.accept();
        server.write_all(bytes("hi"));
        CHECK(tests::read_text(client, 2) == "hi");
        CHECK(client.remote_endpoint() == at);
        if (how == 1)
            listener.close();
        else if (how == 2)
            listener = tcp_listener();
        CHECK(fs::exists(path) == (how == 0));
    }
    CHECK(!fs::exists(path));
}

TEST_CASE("a path that exists is address_in_use, even if nobody listens on it", "[listener]") {
    tests::temporary_directory const directory;
    auto const path = directory.file("socket");
    auto const at = endpoint::parse("unix:" + path);
    {
        tcp_listener const listener(at);
        CHECK(tests::code_of([&] { tcp_listener second(at); }) == errc::address_in_use);
        CHECK(fs::exists(path));
    }
    tcp_listener released(at);
    ::close(released.release());
    released.close();
    CHECK(fs::exists(path));
    CHECK(tests::code_of([&] { tcp_listener second(at); }) == errc::address_in_use);
    CHECK(fs::exists(path));
}

TEST_CASE("a listener leaves a file that has replaced its own", "[listener]") {
    tests::temporary_directory const directory;
    auto const path = directory.file("socket");
    auto const at = endpoint::parse("unix:" + path);
    std::optional<tcp_listener> first(at);
    fs::rename(path, directory.file("old"));
    tcp_listener const second(at);
    first.reset();
    CHECK(fs::exists(path));
    static_cast<void>(tcp_stream::connect(at));
}

TEST_CASE("a listener on an abstract name makes no file", "[listener]") {
    auto const at = endpoint::parse("unix:@fiber-listener-test-" + std::to_string(::getpid()));
    tcp_listener listener(at);
    auto const client = tcp_stream::connect(at);
    CHECK(listener.accept().native_handle() >= 0);
    listener.close();
    tcp_listener const again(at);
}

TEST_CASE("a child of fork leaves the path to its parent", "[listener]") {
    tests::temporary_directory const directory;
    auto const path = directory.file("socket");
    auto const at = endpoint::parse("unix:" + path);
    tcp_listener listener(at);
    CHECK(tests::in_child([&] {
              listener.close();
              return listener.native_handle() == -1;
          }) == 0);
    CHECK(fs::exists(path));
    auto const client = tcp_stream::connect(at);
    CHECK(listener.accept().native_handle() >= 0);
}

TEST_CASE("accept without descriptors waits, warns once, and goes on", "[listener][exact]") {
    tests::no_open_descriptors const none;
    for (bool const in_fiber : {true, false}) {
        INFO(in_fiber);
        tcp_listener listener(tests::loopback());
        auto const name = to_string(listener.local_endpoint());
        std::vector<tcp_stream> clients;
        for (int i = 0; i < 3; ++i)
            clients.push_back(tcp_stream::connect(listener.local_endpoint()));
        // The netpoller of the acceptors has its descriptors.
        static_cast<void>(listener.wait_readable());
        auto const accept_all = [&] {
            for (int i = 0; i < 3; ++i)
                listener.accept().write_all(bytes("hi"));
        };
        tests::captured_stderr output;
        std::clock_t used = 0;
        std::thread thread;
        fiber::handle handle;
        {
            tests::descriptor_limit const low(tests::lowest_free_descriptor());
            if (in_fiber)
                handle = fiber::go(accept_all);
            else
                thread = std::thread(accept_all);
            while (output.content().find("accept on") == std::string::npos)
                std::this_thread::sleep_for(1ms);
            used = std::clock();
            std::this_thread::sleep_for(200ms);
            used = std::clock() - used;
        }
        if (in_fiber)
            handle.join();
        else
            thread.join();
        for (auto& c : clients)
            CHECK(tests::read_text(c, 2) == "hi");
        auto const text = output.stop(); // a sanitizer may complain of the limit, too
        auto const warning = "fiber: accept on " + name + ": " +
                             std::make_error_code(errc::too_many_files_open).message() +
                             ". The connections wait until there are more.\n";
        CHECK(text.find(warning) != std::string::npos);
        CHECK(text.find(warning) == text.rfind(warning));
        CHECK(used < CLOCKS_PER_SEC / 10); // it has not tried all the time
    }
}

TEST_CASE("close and a deadline end an accept that waits for descriptors", "[listener]") {
    tests::no_open_descriptors const none;
    for (bool const by_close : {true, false}) {
        tcp_listener listener(tests::loopback());
        auto const client = tcp_stream::connect(listener.local_endpoint());
        static_cast<void>(listener.wait_readable());
        tests::expect expect;
        tests::captured_stderr const output;
        fiber::handle acceptor;
        tests::descriptor_limit const low(tests::lowest_free_descriptor());
        acceptor = fiber::go([&] {
            std::error_code error;
            static_cast<void>(listener.accept(error));
            expect(error == (by_close ? errc::operation_canceled : errc::timed_out), "end of accept");
        });
        std::this_thread::sleep_for(20ms);
        if (by_close)
            listener.close();
        else
            listener.set_deadline(tests::in(-1s));
        acceptor.join();
    }
}
