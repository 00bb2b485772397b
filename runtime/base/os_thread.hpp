// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// os_thread.hpp: the library's own OS threads: small stacks, names that show in debuggers.
#pragma once

#include <pthread.h>

namespace fiber::rt {

class os_thread {
public:
    // Runs body(argument) in a new thread. Throws std::system_error(resource_unavailable_try_again).
    void start(char const* name, void* (*body)(void*), void* argument);
    // Joins it, if it was started.
    void join() noexcept;

private:
    pthread_t handle_{};
    bool started_ = false;
};

} // namespace fiber::rt
