// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// mutex_unlocked_twice: unlocking a free mutex prints one line and aborts.

// exit: abort
// stderr: fiber: .*mutex.*

#include <fiber/fiber.hpp>

int main() {
    fiber::mutex mutex;
    mutex.lock();
    mutex.unlock();
    mutex.unlock();
}
