// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// debug_locks_not_mine: with FIBER_DEBUG=locks, an unlock of another fiber's mutex prints one line
// and aborts.

// env: FIBER_DEBUG=locks=60000
// exit: abort
// stderr: fiber: fiber::mutex 0x[0-9a-f]+: unlocked, but the caller does not hold it \(in fiber [0-9]+ "other"\)

#include <fiber/fiber.hpp>

int main() {
    fiber::mutex mutex;
    mutex.lock();
    mutex.unlock();
    mutex.lock();
    fiber::go({.name = "other"}, [&] { mutex.unlock(); }).join();
}
