// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// udp_test: udp_socket.

#include "tests/support/catch.hpp"
#include "tests/support/code_of.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/sockets.hpp"

#include <fiber/go.hpp>

#include <string>

using fiber::net::endpoint, fiber::net::udp_socket;
using std::errc;
using tests::bytes, tests::room;
using namespace std::chrono_literals;

namespace {

template <class Body>
void in_fiber_and_thread(Body const& body) {
    fiber::run(body);
    body();
}

struct datagram {
    std::string text;
    endpoint from;
};
datagram receive(udp_socket& s, std::size_t size = 1000) {
    datagram d{std::string(size, '\0'), {}};
    d.text.resize(s.recv_from(room(d.text), d.from));
    return d;
}

} // namespace

TEST_CASE("datagrams arrive whole, with their sender", "[udp]") {
    tests::no_open_descriptors const none;
    in_fiber_and_thread([] {
        udp_socket a(tests::loopback()), b(tests::loopback());
        CHECK(a.local_endpoint().port() != 0);
        CHECK(a.send_to(bytes("one"), b.local_endpoint()) == 3);
        CHECK(a.send_to(bytes(""), b.local_endpoint()) == 0);
        CHECK(a.send_to(bytes("three"), b.local_endpoint()) == 5);
        for (auto const* expected : {"one", "", "thr"}) {
            auto const d = receive(b, 3);
            CHECK(d.text == expected);
            CHECK(d.from == a.local_endpoint());
        }
        CHECK(!b.wait_readable(tests::in(1ms)));
        a.send_to(bytes("x"), b.local_endpoint());
        CHECK(b.wait_readable());
    });
}

TEST_CASE("a receiver waits for a datagram", "[udp]") {
    udp_socket a(tests::loopback()), b(tests::loopback());
    tests::expect expect;
    auto echo = fiber::go([&] {
        for (int i = 0; i < 200; ++i) {
            auto const d = receive(b);
            b.send_to(bytes(d.text), d.from);
        }
    });
    for (int i = 0; i < 200; ++i) {
        a.send_to(bytes(std::to_string(i)), b.local_endpoint());
        expect(receive(a).text == std::to_string(i), "echo");
    }
    echo.join();
}

TEST_CASE("a connected socket has a peer, and learns that it is refused", "[udp]") {
    in_fiber_and_thread([] {
        udp_socket a(tests::loopback()), b(tests::loopback()), other(tests::loopback());
        a.connect(b.local_endpoint());
        CHECK(a.remote_endpoint() == b.local_endpoint());
        CHECK(a.send(bytes("hello")) == 5);
        CHECK(receive(b).text == "hello");
        other.send_to(bytes("not for a"), a.local_endpoint());
        b.send_to(bytes("back"), a.local_endpoint());
        std::string text(10, '\0');
        CHECK(a.recv(room(text)) == 4);
        CHECK(text.substr(0, 4) == "back");
        b.close();
        a.send(bytes("nobody"));
        CHECK(tests::code_of([&] { a.recv(room(text)); }) == errc::connection_refused);
    });
}

TEST_CASE("deadlines and close end the operations of a datagram socket", "[udp]") {
    tests::no_open_descriptors const none;
    udp_socket a(tests::loopback());
    std::string text(10, '\0');
    a.set_read_deadline(tests::in(3ms));
    CHECK(tests::code_of([&] { a.recv(room(text)); }) == errc::timed_out);
    a.send_to(bytes("x"), a.local_endpoint());
    CHECK(tests::code_of([&] { a.recv(room(text)); }) == errc::timed_out);
    a.set_deadline(tests::no_deadline);
    CHECK(a.recv(room(text)) == 1);
    a.set_write_deadline(tests::in(-1s));
    CHECK(tests::code_of([&] { a.send_to(bytes("x"), a.local_endpoint()); }) == errc::timed_out);
    tests::expect expect;
    auto reader = fiber::go(
        [&] { expect(tests::code_of([&] { a.recv(room(text)); }) == errc::operation_canceled, "canceled"); });
    tests::until_parked(1);
    a.close();
    reader.join();
}

TEST_CASE("errors of datagram sockets", "[udp]") {
    auto const path = endpoint::parse("unix:@fiber-udp-test");
    CHECK(tests::code_of([&] { udp_socket s(path); }) == errc::address_family_not_supported);
    udp_socket first(tests::loopback());
    auto const at = first.local_endpoint();
    CHECK_THROWS_WITH(udp_socket(at),
                      "bind " + to_string(at) + ": " + std::make_error_code(errc::address_in_use).message());
    std::error_code error;
    CHECK(first.send_to(bytes(std::string(100'000, 'x')), at, error) == 0);
    CHECK(error == errc::message_size);
    first.send_to(bytes("x"), endpoint(), error);
    CHECK(error == errc::destination_address_required);
    udp_socket none;
    none.send(bytes("x"), error);
    CHECK(error == errc::bad_file_descriptor);
    CHECK(none.release() == -1);
    udp_socket const moved = std::move(first);
    first.send(bytes("x"), error);
    CHECK(error == errc::bad_file_descriptor);
    CHECK(moved.native_handle() >= 0);
}
