// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// thread_state.hpp: what the C and C++ libraries keep per thread and a fiber must take along: errno, and the
// exceptions being handled. Without the latter, `throw;` in a handler that has parked rethrows somebody
// else's exception.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <cxxabi.h>

namespace fiber::arch {

// The layout of __cxa_eh_globals in the Itanium ABI, which both libstdc++ and libc++abi follow.
struct exception_state {
    void* caught = nullptr;
    unsigned uncaught = 0;
};

// One fiber's copy, while it is off its machine.
struct thread_state {
    exception_state exceptions;
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
    // Leaves what the thread has now in `from`, and gives it what is in `to`. The padding goes along: so each
    // of the four is one move of 16 bytes.
    void exchange(thread_state& from, thread_state const& to) const noexcept {
        std::memcpy(&from.exceptions, exceptions_, sizeof(exception_state));
        std::memcpy(exceptions_, &to.exceptions, sizeof(exception_state));
        from.error = *error_;
        *error_ = to.error;
    }
    void load(thread_state const& from) const noexcept {
        std::memcpy(exceptions_, &from.exceptions, sizeof(exception_state));
        *error_ = from.error;
    }

private:
    void* exceptions_ = nullptr;
    int* error_ = nullptr;
};

} // namespace fiber::arch
