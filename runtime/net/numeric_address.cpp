// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/net/numeric_address.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace fiber::rt {
namespace {

// A copy with a zero at its end, for the C library. Empty if the text does not fit or contains a zero.
template <std::size_t size>
class c_string {
public:
    explicit c_string(std::string_view text) noexcept {
        if (text.size() < size && text.find('\0') == text.npos)
            std::copy(text.begin(), text.end(), bytes_.begin());
    }
    [[nodiscard]] char const* get() const noexcept { return bytes_.data(); }

private:
    std::array<char, size> bytes_{};
};

template <class Unsigned>
std::optional<Unsigned> parse_number(std::string_view text) noexcept {
    Unsigned number{};
    auto const end = text.data() + text.size();
    auto const [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || stop != end)
        return std::nullopt;
    return number;
}

// Returns the number of a network interface, by its number or name. Returns 0 if there is none.
std::uint32_t parse_scope(std::string_view scope) noexcept {
    if (auto const number = parse_number<std::uint32_t>(scope))
        return *number;
    return ::if_nametoindex(c_string<IF_NAMESIZE>(scope).get());
}

} // namespace

std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
    return parse_number<std::uint16_t>(text);
}

char const* parse_ipv4(std::string_view host, std::uint16_t port, net::endpoint& to) noexcept {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    if (::inet_pton(AF_INET, c_string<INET_ADDRSTRLEN>(host).get(), &address.sin_addr) != 1)
        return "the host is not a numeric address (fiber::net::resolve looks up names)";
    to = net::endpoint(&address, sizeof address);
    return nullptr;
}

char const* parse_ipv6(std::string_view host, std::uint16_t port, net::endpoint& to) noexcept {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port);
    auto const percent = host.find('%');
    if (::inet_pton(AF_INET6, c_string<INET6_ADDRSTRLEN>(host.substr(0, percent)).get(),
                    &address.sin6_addr) != 1)
        return "the text in brackets is not an IPv6 address";
    if (percent != host.npos) {
        address.sin6_scope_id = parse_scope(host.substr(percent + 1));
        if (address.sin6_scope_id == 0)
            return "no network interface has the number or name after the %";
    }
    to = net::endpoint(&address, sizeof address);
    return nullptr;
}

} // namespace fiber::rt
