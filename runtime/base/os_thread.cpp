// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/base/os_thread.hpp"

#include <climits>
#include <cstddef>
#include <system_error>

namespace fiber::rt {
namespace {

// glibc takes static thread-locals, of which a program may have plenty, out of this as well.
constexpr std::size_t stack_bytes = std::size_t{1} << 20;

} // namespace

void os_thread::start(char const* name, void* (*body)(void*), void* argument) {
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error == 0) {
        pthread_attr_setstacksize(&attributes, stack_bytes); // refused: the default stays
        error = pthread_create(&handle_, &attributes, body, argument);
        pthread_attr_destroy(&attributes);
    }
    if (error != 0)
        throw std::system_error(error, std::generic_category(), "fiber: cannot start an OS thread");
    started_ = true;
    pthread_setname_np(handle_, name);
}

void os_thread::join() noexcept {
    if (started_)
        pthread_join(handle_, nullptr);
    started_ = false;
}

} // namespace fiber::rt
