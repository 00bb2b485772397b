// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// many_parked: a thousand fibers wait, each with other variables; then the process aborts. For
// `debugger`.

#include <fiber/fiber.hpp>

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

namespace {

struct nested {
    int twice;
    std::string text;
};

[[gnu::noinline]] void park_here(fiber::chan<int> gate, int number) {
    int mine = 1000 + number;
    nested const of{2 * mine, "text of " + std::to_string(mine)};
    static_cast<void>(gate.recv());
    asm volatile("" ::"r"(&of), "r"(mine));
}

} // namespace

int main() {
    using namespace std::chrono_literals;
    fiber::runtime r({.processors = 4});
    fiber::chan<int> gate;
    constexpr std::size_t n = 1000;
    for (std::size_t i = 0; i < n; ++i)
        r.go([gate, i] { park_here(gate, static_cast<int>(i)); });
    r.go({.name = "extended"}, [gate] { fiber::with_stack(1 << 20, [&gate] { park_here(gate, 1000); }); });
    while (r.stats().fibers_parked != n + 1)
        std::this_thread::yield();
    std::this_thread::sleep_for(100ms); // stats() guesses: a fiber may be on its way
    std::abort();
}
