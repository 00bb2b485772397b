// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// code_of.hpp: returns the code of the std::system_error or std::future_error that f() throws, or no code if
// it throws neither.
#pragma once

#include <future>
#include <system_error>

namespace tests {

template <class F>
std::error_code code_of(F f) {
    try {
        f();
    } catch (std::system_error const& e) {
        return e.code();
    } catch (std::future_error const& e) {
        return e.code();
    }
    return {};
}

} // namespace tests
