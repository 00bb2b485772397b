// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// Stack sizes of fiber::thread, fiber::jthread and fiber::async, which replace an OS thread.

#include "tests/support/catch.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/leaks.hpp"
#include "tests/support/memory.hpp"
#include "tests/support/procs.hpp"

#include <fiber/fiber.hpp>

#include <bit>
#include <cstdlib>
#include <cstring>
#include <pthread.h>
#include <regex>
#include <string>
#include <thread>
#include <vector>

using tests::kib;
using tests::mib;

namespace {

std::size_t remaining() { return fiber::this_fiber::stack_remaining(); }

// Returns the stack size of an OS thread in this process.
std::size_t size_for_threads() {
    std::size_t size = 0;
    std::thread([&] {
        pthread_attr_t mine;
        void* bottom = nullptr;
        REQUIRE(::pthread_getattr_np(::pthread_self(), &mine) == 0);
        REQUIRE(::pthread_attr_getstack(&mine, &bottom, &size) == 0);
        ::pthread_attr_destroy(&mine);
    }).join();
    return size;
}

// Allows for the guard, the record, the colour and the frames of the test.
bool is_of_size(std::size_t left, std::size_t size) { return left <= size && left > size - 24 * kib; }

std::size_t in_thread(fiber::attributes how = {}) {
    std::size_t left = 0;
    fiber::thread(how, [&] { left = remaining(); }).join();
    return left;
}
std::size_t in_jthread() {
    std::size_t left = 0;
    fiber::jthread([&] { left = remaining(); }).join();
    return left;
}
std::size_t in_async() { return fiber::async(remaining).get(); }

// Recurses to this depth and returns it.
[[gnu::noinline]] std::size_t recurse(std::size_t depth) {
    char volatile frame[1024] = {};
    return depth == 0 ? static_cast<std::size_t>(frame[0])
                      : recurse(depth - 1) + 1 + static_cast<std::size_t>(frame[9]);
}

class setting {
public:
    explicit setting(char const* value) { ::setenv("FIBER_STACK_SIZE", value, 1); }
    setting(setting const&) = delete;
    setting& operator=(setting const&) = delete;
    ~setting() { ::unsetenv("FIBER_STACK_SIZE"); }
};

} // namespace

TEST_CASE("thread, jthread and async get an OS thread's stack size, go the default", "[stack][thread]") {
    tests::no_leaks const no_leaks;
    std::size_t const size = std::bit_ceil(size_for_threads());
    auto const check = [&] {
        CHECK(is_of_size(in_thread(), size));
        CHECK(is_of_size(in_jthread(), size));
        CHECK(is_of_size(in_async(), size));
        CHECK(is_of_size(in_thread({.name = "named"}), size));
        std::size_t left = 0;
        fiber::go([&] { left = remaining(); }).join();
        CHECK(is_of_size(left, 256 * kib));
        CHECK(is_of_size(fiber::run(remaining), 256 * kib));
        fiber::wait_group all;
        all.go([&] { left = remaining(); });
        all.wait();
        CHECK(is_of_size(left, 256 * kib));
        fiber::group group;
        group.go([&] { left = remaining(); });
        group.wait();
        CHECK(is_of_size(left, 256 * kib));
    };
    check();
    fiber::run(check);
    fiber::thread(check).join(); // from a fiber::thread, too
}

TEST_CASE("attributes set the stack size of a thread", "[stack][thread]") {
    CHECK(is_of_size(in_thread({.stack_size = 64 * kib}), 64 * kib));
    CHECK(is_of_size(in_thread({.name = "x", .stack_size = 256 * kib}), 256 * kib));
    CHECK(is_of_size(in_thread({.stack_size = 32 * mib}), 32 * mib));
    CHECK(is_of_size(fiber::async({.stack_size = 128 * kib}, remaining).get(), 128 * kib));
    std::size_t left = 0;
    fiber::go({.stack_size = 8 * mib}, [&] { left = remaining(); }).join();
    CHECK(is_of_size(left, 8 * mib));
}

TEST_CASE("FIBER_STACK_SIZE sets the size of all stacks, also of threads", "[stack][thread]") {
    for (std::size_t const size : {64 * kib, 256 * kib, 1 * mib, 16 * mib}) {
        setting const here(std::to_string(size).c_str());
        fiber::runtime r({.processors = 2});
        r.run([&] {
            CHECK(is_of_size(remaining(), size));
            CHECK(is_of_size(in_thread(), size));
            CHECK(is_of_size(in_async(), size));
        });
    }
}

TEST_CASE("threads have at least the default stack size of their runtime", "[stack][thread]") {
    std::size_t const size = std::bit_ceil(size_for_threads());
    fiber::runtime small({.processors = 1, .stack_size = 64 * kib});
    CHECK(is_of_size(small.run([] { return in_thread(); }), size));
    fiber::runtime large({.processors = 1, .stack_size = 4 * size});
    CHECK(is_of_size(large.run([] { return in_thread(); }), 4 * size));
    CHECK(is_of_size(large.run(remaining), 4 * size));
}

TEST_CASE("code for a thread's stack runs in thread, jthread and async", "[stack][thread]") {
    tests::no_leaks const no_leaks;
    static constexpr std::size_t depth = 2 * 1024; // about 2 MiB
    tests::on_processors([] {
        std::size_t a = 0, b = 0;
        fiber::thread t([&] { a = recurse(depth); });
        {
            fiber::jthread const j([&] { b = recurse(depth); });
        }
        CHECK(fiber::async(recurse, depth).get() == depth);
        t.join();
        CHECK(a == depth);
        CHECK(b == depth);
    });
    // GCC's std::regex recurses for each character.
    CHECK(fiber::async([] { return std::regex_match(std::string(1'000, 'a'), std::regex("(a|b)*")); }).get());
}

// Each fiber fills its stack with its number and later checks the bytes.
TEST_CASE("stacks of both sizes are reused without being mixed up", "[stack][thread]") {
    tests::expect expect;
    tests::on_processors([&] {
        auto const use = [&expect](std::size_t bytes, int me) {
            auto* const memory = static_cast<char*>(__builtin_alloca(bytes));
            std::memset(memory, me, bytes);
            for (int i = 0; i < 3; ++i) {
                fiber::this_fiber::yield();
                // All bytes equal the first one. Under a sanitizer a loop over the bytes takes half a minute.
                expect(memory[0] == static_cast<char>(me) && std::memcmp(memory, memory + 1, bytes - 1) == 0,
                       "the stack is its fiber's own");
            }
        };
        for (int round = 0; round < 5; ++round) {
            std::vector<fiber::thread> threads;
            std::vector<fiber::handle> others;
            for (int i = 0; i < 40; ++i) {
                threads.emplace_back(use, 300 * kib, i);
                others.push_back(fiber::go(use, 20 * kib, 100 + i % 20));
                others.push_back(fiber::go({.stack_size = 512 * kib}, use, 300 * kib, 50 + i));
            }
            for (auto& t : threads)
                t.join();
            for (auto& h : others)
                h.join();
        }
    });
}

TEST_CASE("many threads start and end, and leave no stack behind", "[stack][thread][memory]") {
    tests::no_leaks const no_leaks;
    fiber::runtime r({.processors = 2});
    auto const round = [&] {
        r.run([] {
            fiber::chan<void> end;
            std::vector<fiber::thread> parked;
            for (int i = 0; i < 300; ++i)
                parked.emplace_back([end] { end.recv(); });
            for (int i = 0; i < 1'000; ++i)
                fiber::thread([] {}).join();
            end.close();
            for (auto& p : parked)
                p.join();
        });
    };
    round();
    auto const before = r.stats().stack_bytes_reserved;
    for (int i = 0; i < 10; ++i)
        round();
    // More threads may be alive at once than in the first round, but not 3,000 more.
    CHECK(r.stats().stack_bytes_reserved < before + 4 * 1024 * mib);
    r.trim();
    CHECK(r.stats().stack_bytes_cached <= 64 * 8 * kib); // Other runtimes keep some.
}

#if defined(__x86_64__)
// Checks for one page, and one page table: the guard shares a page table with the next stack.
TEST_CASE("a parked thread takes a page of stack and one page table", "[stack][thread][memory]") {
    if (!tests::memory_is_ours || std::bit_ceil(size_for_threads()) != 8 * mib)
        return;
    static constexpr std::size_t n = 4'000;
    fiber::run([] {
        fiber::chan<void> end;
        std::vector<fiber::thread> parked;
        parked.reserve(2 * n);
        fiber::wait_group there;
        auto const start = [&] {
            there.add(n);
            for (std::size_t i = 0; i < n; ++i)
                parked.emplace_back([end, &there] {
                    there.done();
                    end.recv();
                });
            there.wait();
        };
        start(); // touches the memory that all threads share
        auto const memory = tests::resident_memory(), tables = tests::page_tables();
        start();
        auto const memory_each = (tests::resident_memory() - memory) / n;
        auto const tables_each = (tests::page_tables() - tables) / n;
        CAPTURE(memory_each, tables_each);
        CHECK(memory_each < 4 * kib + 600);
        CHECK(tables_each < 4 * kib + 400);
        end.close();
        for (auto& p : parked)
            p.join();
    });
    fiber::runtime::global().trim();
}
#endif
