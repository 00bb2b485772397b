// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stack_overflow_over_guard: unprobed frames larger than the guard step over it and through the
// stacks below. The report comes when a frame meets a guard, or the memory below all stacks. It
// names the origin of the frames.

// exit: 139
// stderr: fiber: fiber [0-9]+ "deep": stack overflow \(256 KiB\)\. Give it a larger attributes::stack_size
// stderr:   started at .*over_guard.*
// stderr:   by a frame larger than the guard, which -fstack-clash-protection would have stopped there
// stderr:     .*overflow_by_large_frames.*
// stderr:     .*overflow_by_large_frames.*
// stderr: ...

#include <fiber/fiber.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

// Exported, because backtraces name only exported functions. With `places`, records the addresses of
// its first two frames and returns.
extern "C" [[gnu::visibility("default"), gnu::noinline]] int
overflow_by_large_frames(std::uintptr_t n, std::uintptr_t* places) {
    int volatile frame[3 * 1024 - 16];
    frame[0] = static_cast<int>(n);
    if (places != nullptr) {
        places[n] = reinterpret_cast<std::uintptr_t>(&frame[0]);
        if (n == 1)
            return 0;
    }
    return frame[0] < 0 ? 0 : overflow_by_large_frames(n + 1, places) + frame[0];
}

[[gnu::noinline]] int after(std::size_t unused, std::uintptr_t* places) {
    void* volatile const room = __builtin_alloca(unused + 1);
    return (room == nullptr ? 1 : 0) + overflow_by_large_frames(0, places);
}

// Makes one frame end above the guard and the next frame begin below it. The guard is the lowest
// page of the stack's slot.
void step_over_guard() {
    constexpr std::uintptr_t slot = 256 * 1024, above_guard = 6144;
    std::uintptr_t places[2];
    static_cast<void>(after(0, places));
    static_cast<void>(after((places[0] % slot - above_guard) % (places[0] - places[1]), nullptr));
}

int main() {
    fiber::runtime one({.processors = 1});
    one.run([] {
        struct task {
            fiber::chan<int> wake{1};
            std::uintptr_t stands_at = 0;
            bool goes_deep = false;
        };
        std::array<task, 16> tasks; // The fibers on the stacks below the highest one wait.
        std::array<fiber::handle, 16> all;
        for (std::size_t i = 0; i < tasks.size(); ++i)
            all[i] = fiber::go({.name = "deep"}, [&p = tasks[i]] {
                p.stands_at = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
                static_cast<void>(p.wake.recv());
                if (p.goes_deep)
                    step_over_guard();
            });
        while (std::any_of(tasks.begin(), tasks.end(), [](task const& p) { return p.stands_at == 0; }))
            fiber::this_fiber::yield();
        task& highest = *std::max_element(tasks.begin(), tasks.end(), [](task const& a, task const& b) {
            return a.stands_at < b.stands_at;
        });
        highest.goes_deep = true;
        highest.wake.send(1);
        for (auto& h : all)
            h.join();
    });
}
