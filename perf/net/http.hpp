// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// The part of HTTP that the row `http` needs.
#pragma once

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <string_view>

namespace perf::net {

inline constexpr std::string_view request = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
// All servers send these bytes. Go writes its headers in this order.
inline constexpr std::string_view response =
    "HTTP/1.1 200 OK\r\nContent-Length: 14\r\nContent-Type: text/plain\r\n\r\nHello, world!\n";

// The head of a request: its first line and its headers.
struct request_head {
    std::size_t length = 0; // with the empty line; 0: it is not complete
    bool keep_alive = true;
    [[nodiscard]] bool is_complete() const { return length != 0; }
    [[nodiscard]] bool is_bad() const { return length == std::string_view::npos; }
};

inline bool same_but_for_case(std::string_view a, std::string_view b) {
    return std::ranges::equal(
        a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// Looks at one header. Returns false if it is none, or announces a body.
inline bool read_header(std::string_view line, bool& keep_alive) {
    auto const colon = line.find(':');
    if (colon == 0 || colon == line.npos)
        return false;
    auto const name = line.substr(0, colon);
    auto value = line.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    if (name.size() == 10 && same_but_for_case(name, "connection"))
        keep_alive = !same_but_for_case(value, "close");
    else if (name.size() == 14 && same_but_for_case(name, "content-length"))
        return value == "0";
    else if (name.size() == 17 && same_but_for_case(name, "transfer-encoding"))
        return false;
    return true;
}

// Parses the request at the beginning of the text.
inline request_head parse_head(std::string_view text) {
    request_head const bad{text.npos, false};
    request_head head;
    for (std::size_t at = 0;;) {
        auto const end = text.find("\r\n", at);
        if (end == text.npos)
            return {};
        auto const line = text.substr(at, end - at);
        if (at == 0) {
            if (!line.starts_with("GET /") || !line.ends_with(" HTTP/1.1"))
                return bad;
        } else if (line.empty()) {
            head.length = end + 2;
            return head;
        } else if (!read_header(line, head.keep_alive)) {
            return bad;
        }
        at = end + 2;
    }
}

} // namespace perf::net
