// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "sync/party_name.hpp"

#include <fiber/go.hpp>

#include <cstdio>
#include <sstream>
#include <string>
#include <string_view>

namespace fiber::rt {

party_name name_of_caller() noexcept {
    std::ostringstream number;
    number << this_fiber::get_id();
    std::string_view const name = this_fiber::name();
    char const* const quote = name.empty() ? "" : "\"";
    party_name result;
    std::snprintf(result.text, sizeof result.text, "%s %s%s%s%.*s%s",
                  running_in_fiber() ? "fiber" : "OS thread", number.str().c_str(), name.empty() ? "" : " ",
                  quote, static_cast<int>(name.size()), name.data(), quote);
    return result;
}

} // namespace fiber::rt
