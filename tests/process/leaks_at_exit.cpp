// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// leaks_at_exit: with FIBER_LEAKS=1, the exit prints the fibers that are parked. Equal ones are printed once
// for each function that has started them. The exit status stays.

// env: FIBER_LEAKS=1
// exit: 3
// stderr: fiber: 4 fibers are still parked at exit
// stderr:
// stderr: 2 fibers: parked, chan receive 0x[0-9a-f]+, 0 of 0 buffered; for [0-9]+ ms.*; started at main .*
// stderr:     fiber [0-9]+, fiber [0-9]+
// stderr: ...

#include <fiber/fiber.hpp>

#include <chrono>
#include <thread>

using namespace std::chrono_literals;

namespace {

void receive(fiber::chan<int> from) { static_cast<void>(from.recv()); }

[[gnu::noinline]] void start_another(fiber::chan<int> const& c) { fiber::go(receive, c); }

} // namespace

int main() {
    fiber::chan<int> const c;
    for (int i = 0; i < 2; ++i)
        fiber::go(receive, c);
    start_another(c);
    static fiber::mutex m;
    m.lock();
    fiber::go([] { m.lock(); });
    fiber::go([] {}).join();
    auto const parked = [] {
        std::size_t n = 0;
        for (auto const& f : fiber::runtime::global().fibers())
            n += f.state == "parked";
        return n;
    };
    while (parked() < 4)
        std::this_thread::sleep_for(1ms);
    return 3;
}
