// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// timed_mutex_unlocked_twice: the line names the class that the program uses.

// exit: abort
// stderr: fiber: fiber::timed_mutex 0x[0-9a-f]+: unlocked, but it was not locked \(in OS thread [0-9]+\)

#include <fiber/fiber.hpp>

int main() {
    fiber::timed_mutex mutex;
    mutex.lock();
    mutex.unlock();
    mutex.unlock();
}
