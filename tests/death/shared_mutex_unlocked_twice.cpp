// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// shared_mutex_unlocked_twice: unlocking a free shared mutex prints one line and aborts.

// exit: abort
// stderr: fiber: fiber::shared_mutex 0x[0-9a-f]+: unlocked, but it was not locked \(in (fiber|OS thread) [0-9]+\)

#include <fiber/fiber.hpp>

int main() {
    fiber::shared_mutex mutex;
    mutex.lock();
    mutex.unlock();
    mutex.unlock();
}
