// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// recursive_mutex_not_mine: unlocking another fiber's recursive mutex prints one line and aborts.

// exit: abort
// stderr: fiber: fiber::recursive_mutex 0x[0-9a-f]+: unlocked, but the caller does not hold it \(in (fiber|OS thread) [0-9]+\)

#include <fiber/fiber.hpp>

int main() {
    fiber::recursive_mutex mutex;
    mutex.lock();
    fiber::go([&] { mutex.unlock(); }).join();
}
