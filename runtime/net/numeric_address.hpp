// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// numeric_address.hpp: the conversion of numeric addresses and ports, without look-ups of names.
#pragma once

#include <fiber/net/endpoint.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace fiber::rt {

// Returns the number if the text is one or more digits, and at most 65535.
[[nodiscard]] std::optional<std::uint16_t> parse_port(std::string_view) noexcept;

// Each sets `to`, and returns null, if the host is an address of its family. Otherwise returns a phrase that
// says what is wrong with the host.
[[nodiscard]] char const* parse_ipv4(std::string_view host, std::uint16_t port, net::endpoint& to) noexcept;
// With or without a scope after a %, and without brackets.
[[nodiscard]] char const* parse_ipv6(std::string_view host, std::uint16_t port, net::endpoint& to) noexcept;

} // namespace fiber::rt
