// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// mutex_destroyed_locked: one clear line, then the end.

// exit: abort
// stderr: fiber: .*mutex.*

#include <fiber/fiber.hpp>

int main() {
    fiber::mutex mutex;
    mutex.lock();
}
