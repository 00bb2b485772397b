// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// How long does a lock take at most, while another fiber locks and unlocks the same mutex in a tight loop on
// the other processor? The longest and the mean in 10 s (--quick: 1 s), for mutex, and for shared_mutex
// against a reader and against a writer.
#include "perf/harness/machine.hpp"
#include "perf/harness/process.hpp"
#include "perf/harness/progress.hpp"
#include "perf/standalone/standalone.hpp"

#include <fiber/fiber.hpp>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace perf::standalone {
namespace {

constexpr std::chrono::seconds child_limit{60};

// Returns the longest and the mean in ns, and the number of locks.
template <class Greedy, class Lock, class Unlock>
outcome measure(std::int64_t milliseconds, Greedy greedy, Lock lock, Unlock unlock) {
    return ::fiber::run([&] {
        std::atomic<bool> stop = false;
        ::fiber::handle other = ::fiber::go([&] {
            while (!stop.load(std::memory_order_relaxed))
                greedy();
        });
        nanoseconds longest{}, sum{};
        std::int64_t locks = 0;
        for (auto const end = clock::now() + std::chrono::milliseconds(milliseconds); clock::now() < end;
             ++locks) {
            auto const start = clock::now();
            lock();
            nanoseconds const took = clock::now() - start;
            unlock();
            longest = std::max(longest, took);
            sum += took;
            ::fiber::this_fiber::yield();
        }
        stop = true;
        other.join();
        auto const all = static_cast<double>(locks);
        return outcome{
            .list = {static_cast<double>(longest.count()), static_cast<double>(sum.count()) / all, all}};
    });
}

template <class Mutex>
void lock_once(Mutex& m) {
    m.lock();
    m.unlock();
}

outcome beside_lock(std::int64_t ms) {
    ::fiber::mutex m;
    return measure(
        ms, [&] { lock_once(m); }, [&] { m.lock(); }, [&] { m.unlock(); });
}

outcome write_beside_reader(std::int64_t ms) {
    ::fiber::shared_mutex m;
    auto const read = [&] {
        m.lock_shared();
        m.unlock_shared();
    };
    return measure(
        ms, read, [&] { m.lock(); }, [&] { m.unlock(); });
}

outcome read_beside_writer(std::int64_t ms) {
    ::fiber::shared_mutex m;
    return measure(
        ms, [&] { lock_once(m); }, [&] { m.lock_shared(); }, [&] { m.unlock_shared(); });
}

struct question {
    std::string_view name, title;
    outcome (*work)(std::int64_t milliseconds);
};

constexpr question questions[] = {
    {"mutex", "mutex", beside_lock},
    {"write", "shared_mutex, to write beside a reader", write_beside_reader},
    {"read", "shared_mutex, to read beside a writer", read_beside_writer},
};

} // namespace

std::vector<service::entry> starvation_entries() {
    return entries_of(questions, [](question const& q, std::int64_t ms) { return q.work(ms); });
}

int starvation(job const& work) {
    background_load const others;
    progress shown;
    int status = EXIT_SUCCESS;
    for (auto const& q : questions) {
        shown.now(q.title);
        auto const s = measure_in(this_program, q.name, work.quick ? 1'000 : 10'000, 2, child_limit);
        shown.now("");
        if (s.ended != sample::status::measured) {
            shown.complain("perf/run: starvation is BROKEN: " + s.why);
            status = EXIT_FAILURE;
            continue;
        }
        auto const& found = s.found.list;
        std::printf("%-40s longest %8.3f ms, mean %8.3f us, %.0f locks\n", std::string(q.title).c_str(),
                    found[0] / 1e6, found[1] / 1e3, found[2]);
    }
    std::fputs(background_load::warning(others.share()).c_str(), stdout);
    return status;
}

} // namespace perf::standalone
