// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/net/failure.hpp"

#include <string>

namespace fiber::rt {

void throw_failure(std::error_code error, std::string_view operation) {
    throw std::system_error(error, std::string(operation));
}

void throw_failure(std::error_code error, std::string_view operation, std::string_view name) {
    throw std::system_error(error, std::string(operation).append(" ").append(name));
}

void throw_failure(std::error_code error, std::string_view operation, net::endpoint const& where) {
    throw_failure(error, operation, to_string(where));
}

void throw_failure(std::error_code error, std::string_view operation, std::string_view host,
                   std::string_view service) {
    std::string name(host);
    if (!service.empty())
        name.append(":").append(service);
    throw_failure(error, operation, name);
}

} // namespace fiber::rt
