// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// Which queue should a processor keep its fibers in? What does the owner pay when alone, how well does it share
// with a thief, and how long does an idle thief wait? No fibers here: perf/rivals/queues/item.hpp stands in.
// Each benchmark fails unless every item has been taken exactly once.
#include "perf/rivals/queues/bwos.hpp"
#include "perf/rivals/queues/list.hpp"
#include "perf/rivals/queues/ring.hpp"
#include "perf/workload.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace perf {
namespace {

using benchmark::Counter;
using benchmark::State;
using queues::bwos, queues::cache_line, queues::item, queues::list, queues::relax, queues::ring,
    queues::thief;

void compute(std::int64_t steps) {
    std::uint64_t x = 1;
    for (; steps > 0; --steps)
        benchmark::DoNotOptimize(x = x * 25214903917 + 11);
}

// How many steps take so long.
std::int64_t steps_for(nanoseconds time) {
    static double const step = [] {
        constexpr std::int64_t steps = 1'000'000;
        auto best = nanoseconds::max();
        for (int i = 0; i < 5; ++i) {
            auto const start = clock::now();
            compute(steps);
            best = std::min(best, nanoseconds(clock::now() - start));
        }
        return double(best.count()) / double(steps);
    }();
    return std::int64_t(double(time.count()) / step);
}

void rest() { // between looks at a queue that had nothing
    for (int i = 0; i < 8; ++i)
        relax();
}

bool all_taken(std::vector<item> const& items, std::int64_t times) {
    return std::all_of(items.begin(), items.end(), [=](item const& i) { return i.taken == times; });
}
constexpr char const* wrong = "an item was lost, or taken twice";

// Takes the oldest of so many and puts it back, as fibers do that yield.
template <class Queue>
void alone_rotating(State& state) {
    std::vector<item> items(std::size_t(state.range(0)));
    Queue queue;
    bool kept = true;
    for (item& i : items)
        kept &= queue.push(i);
    for (auto _ : state) {
        item* const i = queue.pop();
        ++i->taken;
        kept &= queue.push(*i);
    }
    auto const n = std::int64_t(items.size());
    for (std::int64_t k = state.iterations() % n; k != 0 && k != n; ++k) // to where it began
        ++queue.pop()->taken;
    if (!kept || !all_taken(items, (state.iterations() + n - 1) / n))
        state.SkipWithError(wrong);
}

template <class Queue>
void alone_filling(State& state) {
    std::vector<item> items(std::size_t(state.range(0)));
    Queue queue;
    bool kept = true;
    for (auto _ : state) {
        for (item& i : items)
            kept &= queue.push(i);
        while (item* const i = queue.pop())
            ++i->taken;
    }
    state.counters["each"] = Counter(double(state.range(0) * state.iterations()),
                                     Counter::Flags(Counter::kIsRate | Counter::kInvert));
    if (!kept || !all_taken(items, state.iterations()))
        state.SkipWithError(wrong);
}

// What an owner and its thief share beside the queue.
struct alignas(cache_line) tally {
    std::atomic<std::int64_t> stolen{0};
    alignas(cache_line) std::atomic<bool> stop{false};
};

template <class Queue>
std::int64_t steal_and_run(Queue& queue, thief& me, std::int64_t work) {
    auto const n = queue.steal(me);
    for (std::size_t k = 0; k < n; ++k) {
        compute(work);
        ++me.loot[k]->taken;
    }
    return std::int64_t(n);
}

template <class Queue>
std::int64_t run_all(Queue& queue, std::int64_t work) {
    std::int64_t n = 0;
    for (; item* const i = queue.pop(); ++n) {
        compute(work);
        ++i->taken;
    }
    return n;
}

// Makes items in bursts and runs them, while a thief steals and runs whenever it has none.
template <class Queue>
void with_thief(State& state) {
    auto const burst = std::size_t(state.range(0));
    auto const work = steps_for(nanoseconds(state.range(1)));
    std::vector<item> items((state.range(1) > 1000 ? 16 : 256) *
                            burst); // long items: a batch of 0.06 s at most
    auto const all = std::int64_t(items.size());
    Queue queue;
    tally shared;
    std::thread stealing([&] {
        thief me;
        while (!shared.stop.load(std::memory_order_relaxed))
            if (auto const n = steal_and_run(queue, me, work))
                shared.stolen.store(shared.stolen.load(std::memory_order_relaxed) + n,
                                    std::memory_order_release);
            else
                rest();
    });
    std::int64_t batches = 0;
    std::int64_t own = 0;
    for (auto _ : state) {
        auto const start = clock::now();
        for (auto i = items.begin(); i != items.end();) {
            for (auto const end = i + std::ptrdiff_t(burst); i != end;)
                if (queue.push(*i))
                    ++i;
                else
                    own += run_all(queue, work);
            own += run_all(queue, work);
        }
        ++batches;
        while (own + shared.stolen.load(std::memory_order_acquire) < all * batches)
            own += run_all(queue, work);
        state.SetIterationTime(std::chrono::duration<double>(clock::now() - start).count());
        if (!all_taken(items, batches)) {
            state.SkipWithError(wrong);
            break;
        }
    }
    shared.stop = true;
    stealing.join();
    if (own + shared.stolen != all * batches)
        state.SkipWithError(wrong);
    state.counters["each"] =
        Counter(double(all * batches), Counter::Flags(Counter::kIsRate | Counter::kInvert));
    state.counters["stolen"] = double(shared.stolen) / double(all * batches);
}

enum class hungry { before, after }; // the owner has pushed

// The owner pushes so many, computes for 100 µs, then runs what is left. How long does a thief wait for its first?
template <class Queue, hungry since>
void first_loot(State& state) {
    auto const computation = steps_for(std::chrono::microseconds(100));
    std::vector<item> items(std::size_t(state.range(0)));
    Queue queue;
    tally shared;
    std::atomic<std::int64_t> begun = 0, over = 0, seen = 0;
    clock::time_point got; // the thief's until it has seen the round, then the owner's
    std::vector<double> waits;
    std::thread stealing([&] {
        thief me;
        for (std::int64_t round = 1;; ++round) {
            while (begun.load(std::memory_order_acquire) != round)
                if (shared.stop.load(std::memory_order_relaxed))
                    return;
            std::int64_t n = 0;
            while ((n = steal_and_run(queue, me, 0)) == 0 && over.load(std::memory_order_relaxed) != round)
                rest();
            got = clock::now();
            shared.stolen.store(shared.stolen.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
            seen.store(round, std::memory_order_release);
        }
    });
    std::int64_t own = 0, round = 0, in_vain = 0;
    bool kept = true;
    for (auto _ : state) {
        ++round;
        auto const stolen_before = shared.stolen.load(std::memory_order_relaxed);
        if constexpr (since == hungry::before) {
            begun.store(round, std::memory_order_release);
            compute(computation / 10);
        }
        auto start = clock::now();
        for (item& i : items)
            kept &= queue.push(i);
        if constexpr (since == hungry::after) {
            start = clock::now();
            begun.store(round, std::memory_order_release);
        }
        compute(computation);
        own += run_all(queue, 0);
        over.store(round, std::memory_order_relaxed);
        while (seen.load(std::memory_order_acquire) != round)
            relax();
        own += run_all(queue, 0);
        auto const wait = std::chrono::duration<double>(got - start).count();
        state.SetIterationTime(wait);
        waits.push_back(wait * 1e9);
        in_vain += shared.stolen.load(std::memory_order_relaxed) == stolen_before;
        if (!kept || !all_taken(items, round)) {
            state.SkipWithError(wrong);
            break;
        }
    }
    shared.stop = true;
    stealing.join();
    std::sort(waits.begin(), waits.end());
    state.counters["median_ns"] = waits[waits.size() / 2];
    state.counters["p95_ns"] = waits[waits.size() * 95 / 100];
    state.counters["in_vain"] = double(in_vain) / double(round);
    if (own + shared.stolen != round * std::int64_t(items.size()))
        state.SkipWithError(wrong);
}

template <class Queue>
bool all_of(std::string const& name) {
    auto const add = [&](std::string const& what, void (*body)(State&)) {
        return benchmark::RegisterBenchmark(("queue_" + what + "/" + name).c_str(), body);
    };
    add("rotating", alone_rotating<Queue>)->Arg(1)->Arg(16)->Arg(200);
    add("filling", alone_filling<Queue>)->Arg(64);
    if (std::thread::hardware_concurrency() < 2) // the rest would measure time slices
        return true;
    add("with_thief", with_thief<Queue>)
        ->ArgNames({"burst", "work"})
        ->ArgsProduct({{16, 200}, {0, 200, 20'000}})
        ->UseManualTime();
    add("loot_hungry_before", first_loot<Queue, hungry::before>)
        ->Arg(16)
        ->Arg(100)
        ->Iterations(1000)
        ->UseManualTime();
    add("loot_hungry_after", first_loot<Queue, hungry::after>)
        ->Arg(16)
        ->Arg(100)
        ->Iterations(1000)
        ->UseManualTime();
    return true;
}
bool const registered =
    all_of<ring>("ring") && all_of<bwos<32>>("bwos_32") && all_of<bwos<4>>("bwos_4") && all_of<list>("list");

} // namespace
} // namespace perf
