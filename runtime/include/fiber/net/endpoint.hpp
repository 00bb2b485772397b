// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// <fiber/net/endpoint.hpp>: fiber::net::endpoint, the address of a socket.
#pragma once

#include <fiber/detail/config.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>
#include <system_error>

namespace fiber::net {

// The address of one end of a connection: IPv4 or IPv6 with a port, or a unix socket. A value of fixed
// size, trivially copyable, which holds a sockaddr of the system. Mirrors Go's netip.AddrPort, and
// net.UnixAddr.
class endpoint {
public:
    // No address: family AF_UNSPEC, size 0. The peer of an unnamed unix socket may have this endpoint.
    constexpr endpoint() noexcept = default;
    // Copies a sockaddr of `size` bytes, as the system calls give it. Size 0 makes an endpoint without an
    // address. Throws std::invalid_argument if the size does not suit the address's family.
    FIBER_API endpoint(void const* address, std::size_t size);

    // Converts a text to an endpoint. Accepts numeric addresses only: resolve() looks up names.
    //   127.0.0.1:8080         IPv4 address and port, 0 to 65535
    //   [::1]:80               IPv6 address in brackets
    //   [fe80::1%eth0]:80      with a scope: a network interface, or its number
    //   unix:/path             a unix socket in the file system, at most 107 bytes
    //   unix:@abstract         a unix socket in the abstract namespace, at most 107 bytes
    // Throws std::invalid_argument with a message that quotes the text. The form with an error_code sets it
    // to std::errc::invalid_argument instead, and returns an endpoint without an address. A scope's name is
    // looked up by short system calls.
    [[nodiscard]] FIBER_API static endpoint parse(std::string_view text);
    [[nodiscard]] FIBER_API static endpoint parse(std::string_view text, std::error_code&);

    // Returns AF_INET, AF_INET6, AF_UNIX, another family of the system, or AF_UNSPEC if there is no address.
    [[nodiscard]] FIBER_API int family() const noexcept;
    [[nodiscard]] FIBER_API bool is_unix() const noexcept;
    // Returns the port, in the byte order of the host. Returns 0 for a family without ports.
    [[nodiscard]] FIBER_API std::uint16_t port() const noexcept;
    // Returns the path of a unix socket in the file system. Returns an empty path for all other endpoints,
    // and for abstract and unnamed unix sockets. The result is valid while *this is neither changed nor
    // destroyed.
    [[nodiscard]] FIBER_API std::string_view path() const noexcept;

    // The sockaddr, for system calls. data() is suitably aligned.
    [[nodiscard]] void const* data() const noexcept { return bytes_.data(); }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    // Returns true if all parts are equal: family, address, port, and for IPv6 scope and flow label. An
    // IPv4-mapped IPv6 address differs from the IPv4 address.
    [[nodiscard]] FIBER_API bool operator==(endpoint const&) const noexcept;
    // Prints what to_string() returns.
    FIBER_API friend std::ostream& operator<<(std::ostream&, endpoint const&);

private:
    // A sockaddr_un, the largest of the three. Unused bytes are 0, and so is the padding within a sockaddr.
    alignas(std::uint64_t) std::array<unsigned char, 110> bytes_{};
    std::uint16_t size_ = 0;
};

// Returns the endpoint in a form that parse() accepts. A scope is printed as the interface's number. A byte
// 0 in an abstract name is printed as @, as Linux does. For an endpoint without an address, returns
// "unspecified".
[[nodiscard]] FIBER_API std::string to_string(endpoint const&);

} // namespace fiber::net

template <>
struct std::hash<fiber::net::endpoint> {
    std::size_t operator()(fiber::net::endpoint const& e) const noexcept {
        return std::hash<std::string_view>{}({static_cast<char const*>(e.data()), e.size()});
    }
};
