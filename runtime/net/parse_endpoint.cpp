// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// parse_endpoint.cpp: the texts that endpoint::parse() accepts, and what it says about all others.
#include <fiber/net/endpoint.hpp>

#include "runtime/net/numeric_address.hpp"

#include <algorithm>
#include <cstddef>
#include <stdexcept>

#include <sys/socket.h>
#include <sys/un.h>

namespace fiber::net {
namespace {

// Each of the functions below sets `to`, and returns null. If it cannot, it returns a phrase that says what
// is wrong.

char const* parse_unix(std::string_view path, endpoint& to) noexcept {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path == "@")
        return "the path is empty";
    if (path.find('\0') != path.npos)
        return "the path contains a byte 0";
    bool const is_abstract = path.front() == '@'; // in a sockaddr, the first byte is 0 instead
    if (path.size() - is_abstract >= sizeof address.sun_path)
        return "the path is longer than 107 bytes";
    std::copy(path.begin(), path.end(), address.sun_path);
    if (is_abstract)
        address.sun_path[0] = 0;
    to = endpoint(&address, offsetof(sockaddr_un, sun_path) + path.size() + !is_abstract);
    return nullptr;
}

char const* parse_bracketed(std::string_view text, endpoint& to) noexcept {
    auto const bracket = text.find(']');
    if (bracket == text.npos)
        return "the bracket is not closed";
    auto const rest = text.substr(bracket + 1);
    if (!rest.starts_with(':'))
        return "no colon and port follow the bracket";
    auto const port = rt::parse_port(rest.substr(1));
    if (!port)
        return "the port is not a number from 0 to 65535";
    return rt::parse_ipv6(text.substr(1, bracket - 1), *port, to);
}

char const* parse_any(std::string_view text, endpoint& to) noexcept {
    constexpr std::string_view unix_prefix = "unix:";
    if (text.starts_with(unix_prefix))
        return parse_unix(text.substr(unix_prefix.size()), to);
    if (text.starts_with('['))
        return parse_bracketed(text, to);
    auto const colon = text.rfind(':');
    if (colon == text.npos)
        return text.empty() ? "the text is empty" : "the port is missing";
    auto const host = text.substr(0, colon);
    if (host.find(':') != host.npos)
        return "an IPv6 address needs brackets";
    auto const port = rt::parse_port(text.substr(colon + 1));
    if (!port)
        return "the port is not a number from 0 to 65535";
    return rt::parse_ipv4(host, *port, to);
}

// Bytes that do not print are written as \x1f, so that a message stays one line. A long text is cut.
std::string quoted(std::string_view text) {
    constexpr std::size_t max_shown = 200; // bytes
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out("\"");
    for (char const c : text.substr(0, max_shown)) {
        auto const byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f)
            out.append("\\x").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
        else
            out.append(1, c);
    }
    return out.append(text.size() > max_shown ? "…\"" : "\"");
}

} // namespace

endpoint endpoint::parse(std::string_view text) {
    endpoint result;
    if (char const* const problem = parse_any(text, result))
        throw std::invalid_argument(
            "fiber::net::endpoint::parse: " + quoted(text) + ": " + problem +
            "; expected 127.0.0.1:8080, [::1]:8080, [fe80::1%eth0]:8080, unix:/path or unix:@name");
    return result;
}

endpoint endpoint::parse(std::string_view text, std::error_code& error) {
    endpoint result;
    error.clear();
    if (parse_any(text, result) != nullptr)
        error = std::make_error_code(std::errc::invalid_argument);
    return result;
}

} // namespace fiber::net
