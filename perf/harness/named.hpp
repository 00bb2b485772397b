// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// A list of things with names, as a child sees it: its parent asks for one of them by name.
#pragma once

#include "perf/harness/record.hpp"

#include <string>
#include <string_view>

namespace perf {

template <class List>
auto const& named(List const& all, std::string_view name) {
    for (auto const& one : all)
        if (one.name == name)
            return one;
    broken("there is no " + std::string(name));
}

} // namespace perf
