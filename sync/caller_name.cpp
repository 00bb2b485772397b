// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "sync/caller_name.hpp"

#include <fiber/go.hpp>

#include <cstdio>
#include <sstream>
#include <string>
#include <string_view>
#include <unistd.h>

namespace fiber::rt {

caller_name name_of_caller() noexcept {
    caller_name result;
    if (!running_in_fiber()) {
        std::snprintf(result.text, sizeof result.text, "OS thread %d", static_cast<int>(::gettid()));
        return result;
    }
    std::ostringstream number;
    number << this_fiber::get_id();
    std::string_view const name = this_fiber::name();
    char const* const quote = name.empty() ? "" : "\"";
    std::snprintf(result.text, sizeof result.text, "fiber %s%s%s%.*s%s", number.str().c_str(),
                  name.empty() ? "" : " ", quote, static_cast<int>(name.size()), name.data(), quote);
    return result;
}

} // namespace fiber::rt
