// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// os_thread.hpp: the library's own OS threads: small stacks, names that show in debuggers.
#pragma once

#include <pthread.h>

#include <utility>

namespace fiber::rt {

class os_thread {
public:
    os_thread() = default;
    os_thread(os_thread&& from) noexcept
        : handle_(from.handle_), started_(std::exchange(from.started_, false)) {}
    os_thread& operator=(os_thread&& from) noexcept {
        handle_ = from.handle_;
        started_ = std::exchange(from.started_, false);
        return *this;
    }

    // Runs body(argument) in a new thread, in which all signals are blocked until body says otherwise. Throws
    // std::system_error(resource_unavailable_try_again).
    void start(void* (*body)(void*), void* argument);
    // The same, but returns an error number, or 0.
    [[nodiscard]] int try_start(void* (*body)(void*), void* argument) noexcept;
    // Each does nothing, unless it was started.
    void join() noexcept;
    void detach() noexcept;

private:
    pthread_t handle_{};
    bool started_ = false;
};

// Of 15 characters at the most. By the thread itself: to name another one takes a file descriptor.
void name_this_thread(char const* name) noexcept;

[[noreturn]] void throw_cannot_start(int error);

} // namespace fiber::rt
