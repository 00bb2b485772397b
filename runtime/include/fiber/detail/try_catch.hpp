// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// try_catch.hpp: the only catch in the installed headers; it is left out where users compile with
// -fno-exceptions. No header throws: only functions of the library throw, and the library is
// compiled with exceptions.
#pragma once

#include <exception>

namespace fiber::detail {

// Calls body(). If body throws, calls on_error with the std::exception_ptr. Compiled without
// exceptions, try_catch catches nothing: an exception that a library function throws in body ends
// the program by std::terminate, which prints it.
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
