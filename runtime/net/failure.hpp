// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// failure.hpp: how fiber::net reports errors. Each operation that can fail exists twice. One form takes an
// error_code& as its last argument, and does the work. The other one calls it, and throws:
//     void tcp_stream::connect(endpoint const& to) {
//         return rt::or_throw([&](std::error_code& error) { return connect(to, error); }, "connect to", to);
//     }
// The message then reads "connect to 127.0.0.1:9: Connection refused". It is made only after a failure.
//
// An error of the system is a code of std::generic_category() with the value of errno. It compares equal to
// the std::errc of the same name.
#pragma once

#include <fiber/net/endpoint.hpp>

#include <string_view>
#include <system_error>
#include <type_traits>

namespace fiber::rt {

// Makes the code for a value of errno.
[[nodiscard]] inline std::error_code error_of(int errno_value) noexcept {
    return {errno_value, std::generic_category()};
}

// Throw std::system_error. The message is `operation`, then what it was done to, then the error's message.
[[noreturn]] void throw_failure(std::error_code, std::string_view operation);
[[noreturn]] void throw_failure(std::error_code, std::string_view operation, std::string_view name);
[[noreturn]] void throw_failure(std::error_code, std::string_view operation, net::endpoint const&);
// "connect to example.com:https". Leaves out an empty service.
[[noreturn]] void throw_failure(std::error_code, std::string_view operation, std::string_view host,
                                std::string_view service);

// Calls operation(error) and returns its result. Throws as throw_failure() does if it has set `error`.
template <class Operation, class... Subject>
std::invoke_result_t<Operation&, std::error_code&> or_throw(Operation&& operation, std::string_view what,
                                                            Subject const&... subject) {
    std::error_code error;
    if constexpr (std::is_void_v<std::invoke_result_t<Operation&, std::error_code&>>) {
        operation(error);
        if (error)
            rt::throw_failure(error, what, subject...);
    } else {
        auto result = operation(error);
        if (error)
            rt::throw_failure(error, what, subject...);
        return result;
    }
}

} // namespace fiber::rt
