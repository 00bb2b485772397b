// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// Memory use of stacks, and its return to the kernel. Sanitizers keep shadow memory for each byte of
// a stack: under sanitizers only the runtime's counts are checked.

#include "tests/support/catch.hpp"
#include "tests/support/dumped.hpp"
#include "tests/support/leaks.hpp"
#include "tests/support/memory.hpp"

#include "runtime/stack/stack_class.hpp"

#include <fiber/fiber.hpp>

#include <alloca.h>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using tests::kib;
using tests::mib;

namespace rt = fiber::rt;

namespace {

[[gnu::noinline]] void touch(std::size_t bytes) {
    auto* const memory = static_cast<char volatile*>(alloca(bytes));
    for (std::size_t at = 0; at < bytes; at += 4 * kib)
        memory[at] = 1;
}

// Keeps `fibers` fibers alive at once. Each has touched `bytes` of its stack.
void touch_stacks(std::size_t fibers, std::size_t bytes) {
    fiber::chan<bool> gate;
    fiber::wait_group there, gone;
    for (std::size_t i = 0; i < fibers; ++i) {
        there.add();
        gone.go([&there, gate, bytes] {
            touch(bytes);
            there.done();
            static_cast<void>(gate.recv());
        });
    }
    there.wait();
    gate.close();
    gone.wait();
}

constexpr auto patience = 30s;
constexpr std::size_t many = tests::memory_is_ours ? 1000 : 200; // Under sanitizers a fiber costs some MiB.

bool comes_true(auto const& condition) {
    for (auto const end = std::chrono::steady_clock::now() + patience; !condition();)
        if (std::chrono::steady_clock::now() > end)
            return false;
        else
            std::this_thread::sleep_for(20ms);
    return true;
}

} // namespace

TEST_CASE("trim returns the memory of ended fibers in each round", "[stack][memory]") {
    tests::no_leaks const no_leaks;
    touch_stacks(100, 128 * kib);
    fiber::runtime::global().trim();
    auto const before = tests::resident_memory();
    for (int round = 0; round < 5; ++round) {
        touch_stacks(2 * many, 128 * kib);
        fiber::runtime::global().trim();
        if (tests::memory_is_ours)
            CHECK(tests::resident_memory() < before + 20 * mib);
    }
}

TEST_CASE("idle stacks lose their memory by age, and then ageing stops", "[stack][memory]") {
    tests::no_leaks const no_leaks;
    auto& runtime = fiber::runtime::global();
    runtime.trim();
    auto const before = tests::resident_memory();
    touch_stacks(many, 128 * kib);
    CHECK(runtime.stats().stack_bytes_cached >= many / 2 * 4 * kib);
    CHECK(comes_true([&] { return runtime.stats().stack_bytes_cached == 0; }));
    CHECK(rt::stack_class::next_ageing() == rt::never); // so that sysmon sleeps
    if (tests::memory_is_ours)
        CHECK(tests::resident_memory() < before + 20 * mib);
    touch_stacks(many, 4 * kib); // The stacks are usable again.
}

TEST_CASE("stats report the reserved, resident and idle bytes of stacks", "[stack][memory]") {
    tests::no_leaks const no_leaks;
    auto& runtime = fiber::runtime::global();
    runtime.trim();
    auto const before = runtime.stats();
    constexpr std::size_t fibers = 50, touched = 200 * kib;
    fiber::chan<bool> gate;
    fiber::wait_group there, gone;
    for (std::size_t i = 0; i < fibers; ++i) {
        there.add();
        gone.go([&, gate] {
            touch(touched);
            there.done();
            static_cast<void>(gate.recv());
        });
    }
    there.wait();
    auto const meanwhile = runtime.stats();
    gate.close();
    gone.wait();
    CHECK(meanwhile.stack_bytes_reserved >= fibers * 256 * kib);
    CHECK(meanwhile.stack_bytes_resident > before.stack_bytes_resident);
    CHECK(meanwhile.stack_bytes_resident <= meanwhile.stack_bytes_reserved);
    // An empty cache gets new stacks when the depot is empty, even if other caches, or the cache of
    // all OS threads, are full.
    constexpr std::size_t max_in_cache = 65;
    CHECK(meanwhile.stack_bytes_cached <=
          before.stack_bytes_cached + (meanwhile.processors + 1) * max_in_cache * 4 * kib);
    CHECK(comes_true([&] { return runtime.stats().stack_bytes_cached >= fibers / 2 * 4 * kib; }));
}

TEST_CASE("resident stack bytes are exact if stacks are few", "[stack][memory]") {
    // Only the stacks of a class with few stacks are all counted. No other test makes more than a few
    // stacks of these two classes. A slab of the first is one slot, a slab of the second has many slots.
    std::size_t const size = GENERATE(32 * mib, 128 * kib);
    std::size_t const touched = size / 8;
    auto& c = rt::stack_class::of_size(size);
    // An idle stack keeps the pages that its last fiber touched.
    rt::stack_class::trim_all();
    auto const before = rt::stack_class::totals().bytes_resident;
    std::size_t taken = 0;
    c.reserve(1);
    rt::stack* const s = c.take(1, taken);
    std::memset(s->bottom() + s->usable() - touched, 1, touched);
    auto const resident = rt::stack_class::totals().bytes_resident - before;
    CHECK(resident >= touched);
    CHECK(resident <= touched + 8 * kib);
    c.give(s);
    c.unreserve(1);
    rt::stack_class::trim_all();
    CHECK(rt::stack_class::totals().bytes_resident <= before);
}

TEST_CASE("a dump reports each fiber's stack depth and the place of its start", "[stack][memory]") {
    tests::no_leaks const no_leaks;
    auto& runtime = fiber::runtime::global();
    runtime.trim();
    fiber::chan<bool> gate;
    fiber::wait_group there;
    there.add();
    auto deep = fiber::go({.name = "deep"}, [&there, gate] {
        touch(100 * kib);
        there.done();
        static_cast<void>(gate.recv());
    });
    there.wait();
    std::string const dump = tests::dumped(runtime);
    gate.close();
    deep.join();
    INFO(dump);
    auto const line = dump.find("\"deep\": ");
    REQUIRE(line != dump.npos);
    std::string const rest = dump.substr(line, dump.find('\n', line) - line);
    constexpr std::string_view before = "; stack ";
    auto const depth = rest.find(before);
    REQUIRE(depth != rest.npos);
    CHECK(std::stoi(rest.substr(depth + before.size())) >= 100);
    CHECK(std::stoi(rest.substr(depth + before.size())) <= 140);
    CHECK(rest.find(" of 256 KiB; started at ") != rest.npos);
    CHECK(rest.find("test_runtime") != rest.npos);
}
