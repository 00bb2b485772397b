// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// thread_state.hpp: what the C and C++ libraries keep per thread and a fiber must take along: errno, and the
// exceptions being handled. Without the latter, `throw;` in a handler that has parked rethrows somebody
// else's exception.
#pragma once

#include <cerrno>
#include <cstring>
#include <cxxabi.h>

namespace fiber::arch {

// One fiber's copy, while it is off its machine.
struct thread_state {
    void* caught_exceptions = nullptr; // the layout of __cxa_eh_globals in the Itanium ABI, which both
    unsigned uncaught_exceptions = 0;  // libstdc++ and libc++abi follow
    int error = 0;
};

// Where the OS thread itself keeps them. Found once per machine: compilers take both addresses for constants,
// and would use the old thread's after a switch.
class thread_state_slots {
public:
    void find() noexcept {
        exceptions_ = abi::__cxa_get_globals();
        error_ = &errno;
    }
    void save(thread_state& to) const noexcept {
        std::memcpy(&to.caught_exceptions, exceptions_, sizeof(void*));
        std::memcpy(&to.uncaught_exceptions, reinterpret_cast<char const*>(exceptions_) + sizeof(void*),
                    sizeof(unsigned));
        to.error = *error_;
    }
    void load(thread_state const& from) const noexcept {
        std::memcpy(exceptions_, &from.caught_exceptions, sizeof(void*));
        std::memcpy(reinterpret_cast<char*>(exceptions_) + sizeof(void*), &from.uncaught_exceptions,
                    sizeof(unsigned));
        *error_ = from.error;
    }

private:
    void* exceptions_ = nullptr;
    int* error_ = nullptr;
};

} // namespace fiber::arch
