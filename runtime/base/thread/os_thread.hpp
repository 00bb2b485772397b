// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// os_thread.hpp: the library's OS threads, with small stacks and with names for debuggers.
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

    // Runs body(argument) in a new thread. All signals are blocked there until body unblocks them.
    // Throws std::system_error(resource_unavailable_try_again).
    void start(void* (*body)(void*), void* argument);
    // Does the same, but returns an error number, or 0.
    [[nodiscard]] int try_start(void* (*body)(void*), void* argument) noexcept;
    // Both do nothing if the thread was not started.
    void join() noexcept;
    void detach() noexcept;

private:
    pthread_t handle_{};
    bool started_ = false;
};

// Names the calling thread, in at most 15 characters, and counts it as a thread of the library until it
// ends. A thread names itself, because naming another thread takes a file descriptor.
void name_this_thread(char const* name) noexcept;
// Returns the number of these threads.
[[nodiscard]] unsigned library_threads() noexcept;
void forget_library_threads() noexcept; // [fork] called in the child

[[noreturn]] void throw_cannot_start(int error);

} // namespace fiber::rt
