// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// mutex_destroyed_locked: destroying a locked mutex prints one line and aborts.

// exit: abort
// stderr: fiber: .*mutex.*

#include <fiber/fiber.hpp>

int main() {
    fiber::mutex mutex;
    mutex.lock();
}
