// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// thread_state.hpp: what the C and C++ libraries keep per thread, and a fiber must take along:
// errno, and the exceptions being handled. Without these exceptions, `throw;` in a handler that has
// parked would rethrow the exception of another fiber.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <cxxabi.h>

namespace fiber::arch {

// The layout of __cxa_eh_globals in the Itanium ABI; libstdc++ and libc++abi both use it.
struct exception_state {
    void* caught = nullptr;
    unsigned uncaught = 0;
};

// A fiber's copy, while it does not run.
struct thread_state {
    exception_state exceptions;
    int error = 0;
    std::uint32_t parked_at = 0; // for the owner of the flow: not switched, but in the same cache line
};

// The addresses of the OS thread's state, found once per machine. Compilers treat both addresses as
// constants, and would use the old thread's addresses after a switch.
class thread_state_slots {
public:
    void find() noexcept {
        exceptions_ = abi::__cxa_get_globals();
        error_ = &errno;
    }
    // Saves the thread's state into `from`, and loads `to`. Copies the padding too, so that each of
    // the four moves has 16 bytes.
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
