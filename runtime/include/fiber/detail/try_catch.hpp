// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// try_catch.hpp: the one place in the headers that catches, unless users compile with -fno-exceptions. No header
// throws by itself: functions of the library do, which is compiled with exceptions.
#pragma once

#include <exception>

namespace fiber::detail {

// Calls body(). If that throws, calls on_error with the std::exception_ptr. Compiled without exceptions it
// catches nothing: what a function of the library throws in body ends the program by std::terminate, which
// prints it.
template <class Body, class OnError>
[[gnu::always_inline]] inline void try_catch(Body const& body, [[maybe_unused]] OnError const& on_error) {
#if defined(__cpp_exceptions)
    try {
        body();
    } catch (...) {
        on_error(std::current_exception());
    }
#else
    body();
#endif
}

} // namespace fiber::detail
