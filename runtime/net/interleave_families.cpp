// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/net/interleave_families.hpp"

#include <cstddef>

namespace fiber::rt {

std::vector<net::endpoint> interleave_families(std::vector<net::endpoint> const& best_first) {
    std::vector<net::endpoint> preferred, others, result;
    for (net::endpoint const& each : best_first)
        (each.family() == best_first.front().family() ? preferred : others).push_back(each);
    result.reserve(best_first.size());
    for (std::size_t i = 0; i < preferred.size() || i < others.size(); ++i) {
        if (i < preferred.size())
            result.push_back(preferred[i]);
        if (i < others.size())
            result.push_back(others[i]);
    }
    return result;
}

} // namespace fiber::rt
