// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// runtimes_come_and_go: a destroyed runtime leaves no thread and no memory behind. A separate
// program, because threads of other tests and arenas of the allocator would disturb the counts. The
// C library must keep no stacks of ended threads: their number is the varying maximum of
// simultaneous machines.

// env: MALLOC_ARENA_MAX=1
// env: GLIBC_TUNABLES=glibc.pthread.stack_cache_size=0
// stdout: threads: as before
// stdout: stacks: as before
// stdout: address space: as before
// stdout: resident: as before

#include "asm/sanitizer.hpp" // which one, if any

#include <fiber/fiber.hpp>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

using namespace std::chrono_literals;

std::ptrdiff_t threads() {
    namespace fs = std::filesystem;
    return std::distance(fs::directory_iterator("/proc/self/task"), fs::directory_iterator());
}

// A joined thread stays listed until the kernel has removed it.
std::ptrdiff_t threads_once_no_more_than(std::ptrdiff_t expected) {
    auto const give_up = std::chrono::steady_clock::now() + 30s;
    while (threads() > expected && std::chrono::steady_clock::now() < give_up)
        std::this_thread::sleep_for(1ms);
    return threads();
}

struct memory {
    std::size_t space = 0, resident = 0; // KiB
    memory() {
        std::ifstream("/proc/self/statm") >> space >> resident;
        auto const page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) / 1024;
        space *= page;
        resident *= page;
    }
};

// Uses each kind of object that a runtime keeps: records, stacks of two sizes, timers, agents,
// names, locals.
void use_a_runtime() {
    fiber::chan<int> c;
    fiber::local<std::vector<int>> local;
    std::vector<fiber::handle> all;
    fiber::runtime r({.processors = 3});
    for (int i = 0; i < 100; ++i)
        all.push_back(r.go({.name = "one of many", .stack_size = i % 2 == 0 ? 0u : 64u << 10}, [&, i] {
            local.get().assign(100, i);
            if (i % 4 < 2)
                c.send(i);
            else
                static_cast<void>(c.recv());
            fiber::this_fiber::sleep_for(10us);
        }));
    for (std::size_t i = 0; i < all.size(); ++i)
        i % 2 == 0 ? all[i].join() : all[i].detach();
    r.set_processors(1);
}

template <class Number>
void compare(char const* what, Number before, Number after) {
    if (after <= before)
        std::printf("%s: as before\n", what);
    else
        std::printf("%s: %lld, before: %lld\n", what, static_cast<long long>(after),
                    static_cast<long long>(before));
}

} // namespace

int main() {
    constexpr int warm_up = 30, rounds = 200;
    auto const reserved = [] { return fiber::runtime::global().stats().stack_bytes_reserved; };
    for (int i = 0; i < warm_up; ++i)
        use_a_runtime();
    auto const stacks = reserved();
    auto const threads_before = 1 + 2 + static_cast<std::ptrdiff_t>(fiber::runtime::global().processors());
    compare("threads", threads_before,
            // main, sysmon, the template thread, and the machines
            threads_once_no_more_than(threads_before));
    memory const before;

    for (int i = 0; i < rounds; ++i)
        use_a_runtime();
    if (auto const n = threads_once_no_more_than(threads_before); n != threads_before)
        std::printf("%lld threads\n", static_cast<long long>(n));
    // The number of stacks in the processors' caches varies. Losing one runtime's caches in each
    // round would give 200 times the number.
    compare("stacks", 4 * stacks, reserved());
    memory after;
#if defined(FIBER_ASAN) || defined(FIBER_TSAN)
    after = before; // Sanitizers keep freed memory.
#endif
    // Allows for some fragmentation. A lost machine stack in each round would take far more.
    compare("address space", before.space - stacks / 1024 + 8 * 1024, after.space - reserved() / 1024);
    // A lost queue of 2 KiB for each processor would take more.
    compare("resident", before.resident + 1024, after.resident);
}
