// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// How long does a lock take at the most, while another fiber locks and unlocks the same mutex in a tight loop on the
// other processor? The longest and the mean of all in 10 s (--quick: 1 s), for mutex, and for shared_mutex against a
// reader and against a writer.
#include "perf/harness/machine.hpp"

#include <fiber/fiber.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string_view>

namespace {

using clock = std::chrono::steady_clock;
using std::chrono::duration;

template <class Greedy, class Lock, class Unlock>
void measure(char const* what, double seconds, Greedy greedy, Lock lock, Unlock unlock) {
    std::atomic<bool> stop = false;
    fiber::handle other = fiber::go([&] {
        while (!stop.load(std::memory_order_relaxed))
            greedy();
    });
    duration<double> longest{}, sum{};
    long locks = 0;
    for (auto const end = clock::now() + duration<double>(seconds); clock::now() < end; ++locks) {
        auto const start = clock::now();
        lock();
        auto const took = clock::now() - start;
        unlock();
        longest = std::max<duration<double>>(longest, took);
        sum += took;
        fiber::this_fiber::yield();
    }
    stop = true;
    other.join();
    std::printf("%-40s longest %8.3f ms, mean %8.3f us, %ld locks\n", what, longest.count() * 1e3,
                sum.count() * 1e6 / double(locks), locks);
}

} // namespace

int main(int argc, char** argv) {
    bool const quick = argc > 1 && std::string_view(argv[1]) == "--quick";
    if (argc > (quick ? 2 : 1)) {
        std::fprintf(stderr, "usage: %s [--quick]\n", argv[0]);
        return 2;
    }
    double const seconds = quick ? 1 : 10;
    perf::background_load const others;
    fiber::runtime runtime({.processors = 2});
    runtime.run([&] {
        fiber::mutex m;
        auto const once = [&] {
            m.lock();
            m.unlock();
        };
        measure(
            "mutex", seconds, once, [&] { m.lock(); }, [&] { m.unlock(); });
        fiber::shared_mutex s;
        auto const read = [&] {
            s.lock_shared();
            s.unlock_shared();
        };
        auto const write = [&] {
            s.lock();
            s.unlock();
        };
        measure(
            "shared_mutex, to write beside a reader", seconds, read, [&] { s.lock(); }, [&] { s.unlock(); });
        measure(
            "shared_mutex, to read beside a writer", seconds, write, [&] { s.lock_shared(); },
            [&] { s.unlock_shared(); });
    });
    std::fputs(perf::background_load::warning(others.share()).c_str(), stdout);
}
