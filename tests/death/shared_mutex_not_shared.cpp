// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// shared_mutex_not_shared: unlock_shared of a free mutex prints one line and aborts.

// exit: abort
// stderr: fiber: fiber::shared_mutex 0x[0-9a-f]+: unlocked shared, but it was not locked shared \(in (fiber|OS thread) [0-9]+\)

#include <fiber/fiber.hpp>

int main() {
    fiber::shared_mutex mutex;
    mutex.lock_shared();
    mutex.unlock_shared();
    mutex.unlock_shared();
}
