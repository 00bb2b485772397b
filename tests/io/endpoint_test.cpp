// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// endpoint_test: the texts of endpoints, their sockaddrs, and what malformed texts get.

#include "tests/support/catch.hpp"

#include "runtime/net/failure.hpp"

#include <fiber/net/endpoint.hpp>

#include <array>
#include <cstdint>
#include <cstring>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_set>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using fiber::net::endpoint;

namespace {

template <class Address>
Address address_in(endpoint const& e) {
    Address address{};
    REQUIRE(e.size() <= sizeof address);
    std::memcpy(&address, e.data(), e.size());
    return address;
}

// Returns the message of the exception for this text.
std::string refusal_of(std::string_view text) {
    try {
        static_cast<void>(endpoint::parse(text));
    } catch (std::invalid_argument const& e) {
        return e.what();
    }
    return "accepted";
}

std::string long_path(std::size_t length) {
    std::string path(length, 'p');
    path.front() = '/';
    return path;
}

} // namespace

TEST_CASE("an endpoint has a fixed size of 112 bytes and copies trivially", "[endpoint]") {
    CHECK(sizeof(endpoint) == 112);
    CHECK(std::is_trivially_copyable_v<endpoint>);
    CHECK(reinterpret_cast<std::uintptr_t>(endpoint().data()) % alignof(sockaddr_in6) == 0);
}

TEST_CASE("parse reads an IPv4 address and a port", "[endpoint]") {
    auto const e = endpoint::parse("127.0.0.1:8080");
    CHECK(e.family() == AF_INET);
    CHECK(e.port() == 8080);
    CHECK(!e.is_unix());
    CHECK(e.path().empty());
    REQUIRE(e.size() == sizeof(sockaddr_in));
    auto const address = address_in<sockaddr_in>(e);
    CHECK(address.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    CHECK(address.sin_port == htons(8080));
    CHECK(to_string(e) == "127.0.0.1:8080");
}

TEST_CASE("parse reads an IPv6 address in brackets and a port", "[endpoint]") {
    auto const e = endpoint::parse("[::1]:80");
    CHECK(e.family() == AF_INET6);
    CHECK(e.port() == 80);
    REQUIRE(e.size() == sizeof(sockaddr_in6));
    auto const address = address_in<sockaddr_in6>(e);
    CHECK(std::memcmp(&address.sin6_addr, &in6addr_loopback, sizeof in6addr_loopback) == 0);
    CHECK(address.sin6_scope_id == 0);
    CHECK(address.sin6_flowinfo == 0);
}

TEST_CASE("to_string gives a text that parse turns into the same endpoint", "[endpoint]") {
    for (char const* const text :
         {"0.0.0.0:0", "255.255.255.255:65535", "[::]:0", "[2001:db8::7]:443", "[fe80::1%7]:1",
          "[::ffff:192.0.2.1]:80", "unix:/run/x.sock", "unix:relative", "unix:@abstract", "unix:@a/b c"}) {
        INFO(text);
        auto const e = endpoint::parse(text);
        CHECK(to_string(e) == text);
        CHECK(endpoint::parse(to_string(e)) == e);
        std::ostringstream out;
        out << e;
        CHECK(out.str() == text);
    }
}

TEST_CASE("parse brings IPv6 addresses into one form", "[endpoint]") {
    CHECK(to_string(endpoint::parse("[2001:0DB8:0:0:0:0:0:7]:00443")) == "[2001:db8::7]:443");
    CHECK(endpoint::parse("[0::1]:1") == endpoint::parse("[::1]:1"));
    CHECK(endpoint::parse("[::ffff:7f00:1]:1") == endpoint::parse("[::ffff:127.0.0.1]:1"));
}

TEST_CASE("an IPv4-mapped IPv6 address stays IPv6, and differs from the IPv4 address", "[endpoint]") {
    auto const mapped = endpoint::parse("[::ffff:127.0.0.1]:80");
    CHECK(mapped.family() == AF_INET6);
    CHECK(mapped != endpoint::parse("127.0.0.1:80"));
}

TEST_CASE("the scope of an IPv6 address is a number, or the name of an interface", "[endpoint]") {
    CHECK(address_in<sockaddr_in6>(endpoint::parse("[fe80::1%42]:80")).sin6_scope_id == 42);
    std::array<char, IF_NAMESIZE> name{};
    if (auto const index = ::if_nametoindex("lo"); index != 0 && ::if_indextoname(index, name.data())) {
        auto const e = endpoint::parse("[fe80::1%" + std::string(name.data()) + "]:80");
        CHECK(address_in<sockaddr_in6>(e).sin6_scope_id == index);
        CHECK(to_string(e) == "[fe80::1%" + std::to_string(index) + "]:80");
    }
    CHECK(endpoint::parse("[fe80::1%1]:80") != endpoint::parse("[fe80::1%2]:80"));
}

TEST_CASE("parse reads the path of a unix socket", "[endpoint]") {
    auto const e = endpoint::parse("unix:/run/x.sock");
    CHECK(e.is_unix());
    CHECK(e.family() == AF_UNIX);
    CHECK(e.path() == "/run/x.sock");
    CHECK(e.port() == 0);
    CHECK(e.size() == offsetof(sockaddr_un, sun_path) + sizeof "/run/x.sock");
}

TEST_CASE("an abstract unix socket has no path", "[endpoint]") {
    auto const e = endpoint::parse("unix:@name");
    CHECK(e.is_unix());
    CHECK(e.path().empty());
    auto const address = address_in<sockaddr_un>(e);
    CHECK(std::memcmp(address.sun_path, "\0name", 5) == 0);
    CHECK(e.size() == offsetof(sockaddr_un, sun_path) + 5);
}

TEST_CASE("a unix path and an abstract name may have 107 bytes", "[endpoint]") {
    auto const path = long_path(107);
    CHECK(endpoint::parse("unix:" + path).path() == path);
    CHECK(endpoint::parse("unix:" + path).size() == sizeof(sockaddr_un));
    CHECK(endpoint::parse("unix:@" + path).size() == sizeof(sockaddr_un));
    CHECK(refusal_of("unix:" + long_path(108)).find("longer than 107 bytes") != std::string::npos);
    CHECK(refusal_of("unix:@" + long_path(108)).find("longer than 107 bytes") != std::string::npos);
}

TEST_CASE("parse refuses malformed texts, quotes them and says what is wrong", "[endpoint]") {
    using namespace std::string_view_literals;
    struct malformed {
        std::string_view text, problem;
    };
    constexpr auto no_port = "the port is not a number from 0 to 65535"sv;
    constexpr auto no_ipv4 = "the host is not a numeric address (fiber::net::resolve looks up names)"sv;
    constexpr auto no_ipv6 = "the text in brackets is not an IPv6 address"sv;
    constexpr auto no_scope = "no network interface has the number or name after the %"sv;
    for (auto const& [text, problem] : {
             malformed{"", "the text is empty"},
             malformed{"127.0.0.1", "the port is missing"},
             malformed{"localhost", "the port is missing"},
             malformed{"127.0.0.1:", no_port},
             malformed{"127.0.0.1:65536", no_port},
             malformed{"127.0.0.1:99999999999999999999", no_port},
             malformed{"127.0.0.1:-1", no_port},
             malformed{"127.0.0.1:+1", no_port},
             malformed{"127.0.0.1: 1", no_port},
             malformed{"127.0.0.1:1 ", no_port},
             malformed{"127.0.0.1:0x50", no_port},
             malformed{"127.0.0.1:http", no_port},
             malformed{"localhost:80", no_ipv4},
             malformed{":80", no_ipv4},
             malformed{" 127.0.0.1:80", no_ipv4},
             malformed{"127.1:80", no_ipv4},
             malformed{"256.0.0.1:80", no_ipv4},
             malformed{"1.2.3.4.5:80", no_ipv4},
             malformed{"::1", "an IPv6 address needs brackets"},
             malformed{"2001:db8::1:80", "an IPv6 address needs brackets"},
             malformed{"[::1", "the bracket is not closed"},
             malformed{"[::1]", "no colon and port follow the bracket"},
             malformed{"[::1]80", "no colon and port follow the bracket"},
             malformed{"[::1]:", no_port},
             malformed{"[::1]:65536", no_port},
             malformed{"[]:80", no_ipv6},
             malformed{"[127.0.0.1]:80", no_ipv6},
             malformed{"[::1::2]:80", no_ipv6},
             malformed{"[1:2:3:4:5:6:7:8:9]:80", no_ipv6},
             malformed{"[%1]:80", no_ipv6},
             malformed{"[fe80::1%]:80", no_scope},
             malformed{"[fe80::1%0]:80", no_scope},
             malformed{"[fe80::1%nosuchinterface0]:80", no_scope},
             malformed{"[fe80::1%a name that no interface can have]:80", no_scope},
             malformed{"unix:", "the path is empty"},
             malformed{"unix:@", "the path is empty"},
             malformed{"Unix:/x", no_port},
         }) {
        INFO(text);
        auto const message = refusal_of(text);
        CHECK(message == "fiber::net::endpoint::parse: \"" + std::string(text) +
                             "\": " + std::string(problem) +
                             "; expected 127.0.0.1:8080, [::1]:8080, [fe80::1%eth0]:8080, unix:/path or "
                             "unix:@name");
        std::error_code error;
        CHECK(endpoint::parse(text, error) == endpoint());
        CHECK(error == std::errc::invalid_argument);
    }
}

TEST_CASE("parse refuses bytes 0, and prints bytes that do not print as numbers", "[endpoint]") {
    using namespace std::string_literals;
    CHECK(refusal_of("127.0.0.1\0:80"s).find("\"127.0.0.1\\x00:80\"") != std::string::npos);
    CHECK(refusal_of("[::1\0]:80"s).find("not an IPv6 address") != std::string::npos);
    CHECK(refusal_of("unix:/a\0b"s).find("the path contains a byte 0") != std::string::npos);
    CHECK(refusal_of("127.0.0.1:80\0"s).find("the port is not a number") != std::string::npos);
    CHECK(refusal_of("a\n:80").find("\"a\\x0a:80\"") != std::string::npos);
}

TEST_CASE("a long malformed text is cut in the message", "[endpoint]") {
    auto const message = refusal_of(std::string(10'000, 'x'));
    CHECK(message.size() < 500);
    CHECK(message.find("x…\": the port is missing") != std::string::npos);
}

TEST_CASE("parse with an error_code clears it on success", "[endpoint]") {
    auto error = std::make_error_code(std::errc::invalid_argument);
    CHECK(endpoint::parse("127.0.0.1:1", error).port() == 1);
    CHECK(!error);
}

TEST_CASE("a default endpoint has no address", "[endpoint]") {
    endpoint const none;
    CHECK(none.family() == AF_UNSPEC);
    CHECK(none.size() == 0);
    CHECK(none.port() == 0);
    CHECK(none.path().empty());
    CHECK(!none.is_unix());
    CHECK(none == endpoint(nullptr, 0));
    CHECK(none != endpoint::parse("0.0.0.0:0"));
    CHECK(to_string(none) == "unspecified");
}

TEST_CASE("padding and what follows a sockaddr do not count", "[endpoint]") {
    sockaddr_storage storage;
    std::memset(&storage, 0xff, sizeof storage);
    auto const& in = reinterpret_cast<sockaddr_in&>(storage);
    auto& writable = const_cast<sockaddr_in&>(in);
    writable.sin_family = AF_INET;
    writable.sin_port = htons(80);
    writable.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    endpoint const e(&storage, sizeof storage);
    CHECK(e == endpoint::parse("127.0.0.1:80"));
    CHECK(std::hash<endpoint>{}(e) == std::hash<endpoint>{}(endpoint::parse("127.0.0.1:80")));
}

TEST_CASE("a unix path has one form, with and without the zero behind it", "[endpoint]") {
    sockaddr_un un{};
    un.sun_family = AF_UNIX;
    std::strcpy(un.sun_path, "/x");
    auto const expected = endpoint::parse("unix:/x");
    constexpr std::size_t offset = offsetof(sockaddr_un, sun_path);
    CHECK(endpoint(&un, offset + 2) == expected);
    CHECK(endpoint(&un, offset + 3) == expected);
    CHECK(endpoint(&un, sizeof un) == expected);
    std::strcpy(un.sun_path + 3, "garbage");
    CHECK(endpoint(&un, sizeof un) == expected);
}

TEST_CASE("a unix path that fills its sockaddr keeps its 108 bytes", "[endpoint]") {
    sockaddr_un un{};
    un.sun_family = AF_UNIX;
    auto const path = long_path(108);
    std::memcpy(un.sun_path, path.data(), path.size());
    endpoint const e(&un, sizeof un);
    CHECK(e.path() == path);
    CHECK(endpoint(&un, sizeof un + 1) == e); // the size that getsockname reports
    CHECK(to_string(e) == "unix:" + path);
}

TEST_CASE("an unnamed unix socket is unix, and has no path", "[endpoint]") {
    sa_family_t const family = AF_UNIX;
    endpoint const e(&family, sizeof family);
    CHECK(e.is_unix());
    CHECK(e.path().empty());
    CHECK(e.size() == sizeof family);
    CHECK(to_string(e) == "unix:");
}

TEST_CASE("an abstract name may contain bytes 0, which print as @", "[endpoint]") {
    sockaddr_un un{};
    un.sun_family = AF_UNIX;
    std::memcpy(un.sun_path, "\0a\0b", 4);
    endpoint const e(&un, offsetof(sockaddr_un, sun_path) + 4);
    CHECK(e.path().empty());
    CHECK(e.size() == offsetof(sockaddr_un, sun_path) + 4);
    CHECK(to_string(e) == "unix:@a@b");
}

TEST_CASE("an endpoint keeps addresses of other families as they are", "[endpoint]") {
    std::array<unsigned char, 16> bytes{};
    sa_family_t const family = AF_VSOCK;
    std::memcpy(bytes.data(), &family, sizeof family);
    bytes[15] = 7;
    endpoint const e(bytes.data(), bytes.size());
    CHECK(e.family() == AF_VSOCK);
    CHECK(e.size() == bytes.size());
    CHECK(std::memcmp(e.data(), bytes.data(), bytes.size()) == 0);
    CHECK(e.port() == 0);
    CHECK(to_string(e) == "address family " + std::to_string(AF_VSOCK));
}

TEST_CASE("a sockaddr with a wrong size is refused", "[endpoint]") {
    auto const ipv4 = endpoint::parse("127.0.0.1:80");
    auto const ipv6 = endpoint::parse("[::1]:80");
    CHECK_THROWS_AS(endpoint(ipv4.data(), 1), std::invalid_argument);
    CHECK_THROWS_AS(endpoint(ipv4.data(), sizeof(sockaddr_in) - 1), std::invalid_argument);
    CHECK_THROWS_AS(endpoint(ipv6.data(), sizeof(sockaddr_in6) - 1), std::invalid_argument);
    sockaddr_storage storage{};
    storage.ss_family = AF_UNIX;
    CHECK_THROWS_AS(endpoint(&storage, sizeof storage), std::invalid_argument);
    storage.ss_family = AF_VSOCK;
    CHECK_THROWS_AS(endpoint(&storage, sizeof storage), std::invalid_argument);
    CHECK_THROWS_WITH(endpoint(ipv4.data(), 3),
                      "fiber::net::endpoint: an address of family 2 cannot have 3 bytes");
}

TEST_CASE("the system accepts an endpoint's sockaddr, and an endpoint accepts the system's", "[endpoint]") {
    for (char const* const text : {"127.0.0.1:0", "unix:@fiber-endpoint-test"}) {
        auto const wanted = endpoint::parse(text);
        int const fd = ::socket(wanted.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
        REQUIRE(fd >= 0);
        REQUIRE(::bind(fd, static_cast<sockaddr const*>(wanted.data()),
                       static_cast<socklen_t>(wanted.size())) == 0);
        sockaddr_storage storage{};
        socklen_t size = sizeof storage;
        REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) == 0);
        ::close(fd);
        endpoint const bound(&storage, size);
        CHECK(bound.family() == wanted.family());
        if (wanted.is_unix())
            CHECK(bound == wanted);
        else
            CHECK(bound.port() != 0);
    }
}

TEST_CASE("endpoints can be keys of unordered containers", "[endpoint]") {
    std::unordered_set<endpoint> set;
    for (int port = 0; port < 1000; ++port)
        set.insert(endpoint::parse("127.0.0.1:" + std::to_string(port)));
    set.insert(endpoint::parse("127.0.0.1:7"));
    CHECK(set.size() == 1000);
    CHECK(set.contains(endpoint::parse("127.0.0.1:999")));
    CHECK(!set.contains(endpoint::parse("127.0.0.2:999")));
}

TEST_CASE("a failure says what was tried, and with which endpoint", "[failure]") {
    auto const refused = std::make_error_code(std::errc::connection_refused);
    auto const message_of = [](auto operation) -> std::string {
        try {
            operation();
        } catch (std::system_error const& e) {
            return e.what();
        }
        return "nothing thrown";
    };
    namespace rt = fiber::rt;
    CHECK(message_of([&] { rt::throw_failure(refused, "connect to", endpoint::parse("127.0.0.1:9")); }) ==
          "connect to 127.0.0.1:9: Connection refused");
    CHECK(message_of([&] {
              rt::throw_failure(rt::error_of(EACCES), "listen on", endpoint::parse("[::]:80"));
          }) == "listen on [::]:80: Permission denied");
    CHECK(message_of([&] { rt::throw_failure(refused, "connect to", "example.com", "https"); }) ==
          "connect to example.com:https: Connection refused");
    CHECK(message_of([&] { rt::throw_failure(refused, "connect to", "example.com"); }) ==
          "connect to example.com: Connection refused");
    CHECK(message_of([&] { rt::throw_failure(refused, "read"); }) == "read: Connection refused");
}

TEST_CASE("or_throw returns the result, and throws the error with its code", "[failure]") {
    namespace rt = fiber::rt;
    CHECK(rt::or_throw([](std::error_code&) { return 7; }, "count") == 7);
    rt::or_throw([](std::error_code&) {}, "nothing");
    auto const fails = [](std::error_code& error) { error = rt::error_of(EPIPE); };
    try {
        rt::or_throw(fails, "write to", endpoint::parse("unix:/x"));
        FAIL("nothing thrown");
    } catch (std::system_error const& e) {
        CHECK(e.code() == std::errc::broken_pipe);
        CHECK(std::string(e.what()) == "write to unix:/x: Broken pipe");
    }
}
