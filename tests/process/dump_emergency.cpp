// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// dump_emergency: the thread that writes dumps hangs, because another thread holds malloc's lock for ever.
// The next signal prints the short form.

// stderr: fiber: the last dump has not been written; addresses only:
// stderr: fiber [0-9]+: parked, chan receive 0x[0-9a-f]+; started at 0x[0-9a-f]+

#include <fiber/fiber.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <new>
#include <thread>
#include <unistd.h>

using namespace std::chrono_literals;

namespace {

std::mutex lock_of_malloc;
std::atomic<bool> is_held{false};

} // namespace

void* operator new(std::size_t n) {
    if (is_held.load())
        std::lock_guard const hang(lock_of_malloc);
    if (void* const p = std::malloc(n))
        return p;
    throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }

int main() {
    fiber::chan<int> c;
    auto waits = fiber::go([c]() mutable { static_cast<void>(c.recv()); });
    while (fiber::runtime::global().fibers()[0].state != "parked")
        std::this_thread::sleep_for(1ms);
    fiber::dump_on_signal(SIGUSR1);
    lock_of_malloc.lock();
    is_held = true;
    std::raise(SIGUSR1);
    std::this_thread::sleep_for(200ms);
    std::raise(SIGUSR1);
    ::_exit(0);
}
