// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// endpoint.cpp: the value of an endpoint, and its text.
//   invariant  two endpoints with the same meaning have the same bytes: the constructor brings a sockaddr
//              into one form. == and the hash rely on it.
#include <fiber/net/endpoint.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <ostream>
#include <stdexcept>
#include <type_traits>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace fiber::net {
namespace {

constexpr std::size_t path_offset = offsetof(sockaddr_un, sun_path);
constexpr std::size_t family_size = sizeof(sa_family_t);

static_assert(sizeof(endpoint) == 112 && std::is_trivially_copyable_v<endpoint>);
static_assert(path_offset == family_size && offsetof(sockaddr, sa_family) == 0);

[[noreturn]] void refuse_size(int family, std::size_t size) {
    throw std::invalid_argument("fiber::net::endpoint: an address of family " + std::to_string(family) +
                                " cannot have " + std::to_string(size) + " bytes");
}

// sin_zero and flags of the family stay 0.
void copy_ipv4(unsigned char* to, void const* from) noexcept {
    sockaddr_in in;
    std::memcpy(&in, from, sizeof in);
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = in.sin_port;
    out.sin_addr = in.sin_addr;
    std::memcpy(to, &out, sizeof out);
}

// Returns the size of a unix address in its one form: a path ends with a zero, if there is room for one, and
// an abstract name does not. The kernel reports 111 bytes for a path that fills sun_path, and has written
// 110 of them.
std::size_t copy_unix(unsigned char* to, void const* from, std::size_t size) noexcept {
    size = std::min(size, sizeof(sockaddr_un));
    std::memcpy(to, from, size);
    if (size == path_offset || to[path_offset] == 0)
        return size;
    auto const length = ::strnlen(reinterpret_cast<char const*>(to) + path_offset, size - path_offset);
    std::fill(to + path_offset + length, to + size, static_cast<unsigned char>(0));
    return std::min(path_offset + length + 1, sizeof(sockaddr_un));
}

template <class Address>
Address address_of(endpoint const& e) noexcept {
    Address address;
    std::memcpy(&address, e.data(), sizeof address);
    return address;
}

std::string ipv4_text(endpoint const& e) {
    std::array<char, INET_ADDRSTRLEN> host{};
    auto const address = address_of<sockaddr_in>(e);
    ::inet_ntop(AF_INET, &address.sin_addr, host.data(), host.size());
    return std::string(host.data()).append(":").append(std::to_string(e.port()));
}

std::string ipv6_text(endpoint const& e) {
    std::array<char, INET6_ADDRSTRLEN> host{};
    auto const address = address_of<sockaddr_in6>(e);
    ::inet_ntop(AF_INET6, &address.sin6_addr, host.data(), host.size());
    auto text = std::string("[").append(host.data());
    if (address.sin6_scope_id != 0)
        text.append("%").append(std::to_string(address.sin6_scope_id));
    return text.append("]:").append(std::to_string(e.port()));
}

std::string unix_text(endpoint const& e) {
    std::string text("unix:");
    if (auto const path = e.path(); !path.empty())
        return text.append(path);
    auto const* const name = static_cast<char const*>(e.data()) + path_offset;
    text.append(name, e.size() - path_offset);
    std::replace(text.begin(), text.end(), '\0', '@');
    return text;
}

} // namespace

endpoint::endpoint(void const* address, std::size_t size) {
    if (size == 0)
        return;
    if (size < family_size)
        refuse_size(AF_UNSPEC, size);
    sa_family_t family;
    std::memcpy(&family, address, sizeof family);
    bool const fits = size <= bytes_.size();
    if (family == AF_INET && size >= sizeof(sockaddr_in)) {
        copy_ipv4(bytes_.data(), address);
        size = sizeof(sockaddr_in);
    } else if (family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
        size = sizeof(sockaddr_in6); // it has no padding
        std::memcpy(bytes_.data(), address, size);
    } else if (family == AF_UNIX && size <= sizeof(sockaddr_un) + 1) {
        size = copy_unix(bytes_.data(), address, size);
    } else if (family != AF_INET && family != AF_INET6 && family != AF_UNIX && fits) {
        std::memcpy(bytes_.data(), address, size);
    } else {
        refuse_size(family, size);
    }
    size_ = static_cast<std::uint16_t>(size);
}

int endpoint::family() const noexcept {
    sa_family_t family;
    std::memcpy(&family, bytes_.data(), sizeof family);
    return family;
}

bool endpoint::is_unix() const noexcept { return family() == AF_UNIX; }

std::uint16_t endpoint::port() const noexcept {
    switch (family()) {
    case AF_INET:
        return ntohs(address_of<sockaddr_in>(*this).sin_port);
    case AF_INET6:
        return ntohs(address_of<sockaddr_in6>(*this).sin6_port);
    default:
        return 0;
    }
}

std::string_view endpoint::path() const noexcept {
    if (!is_unix() || size_ == path_offset)
        return {};
    auto const* const path = reinterpret_cast<char const*>(bytes_.data()) + path_offset;
    return {path, ::strnlen(path, size_ - path_offset)};
}

bool endpoint::operator==(endpoint const& other) const noexcept {
    return size_ == other.size_ && std::memcmp(bytes_.data(), other.bytes_.data(), size_) == 0;
}

std::ostream& operator<<(std::ostream& out, endpoint const& e) { return out << to_string(e); }

std::string to_string(endpoint const& e) {
    switch (e.family()) {
    case AF_INET:
        return ipv4_text(e);
    case AF_INET6:
        return ipv6_text(e);
    case AF_UNIX:
        return unix_text(e);
    case AF_UNSPEC:
        return "unspecified";
    default:
        return "address family " + std::to_string(e.family());
    }
}

} // namespace fiber::net
