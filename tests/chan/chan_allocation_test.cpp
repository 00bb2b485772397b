// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// chan_allocation_test.cpp: operations allocate nothing, whether they succeed at once, wait, or time out.
#include "tests/support/catch.hpp"

#include <fiber/chan.hpp>
#include <fiber/context.hpp>
#include <fiber/go.hpp>
#include <fiber/runtime.hpp>
#include <fiber/select.hpp>
#include <fiber/time.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <optional>
#include <stop_token>
#include <string>

namespace {

std::atomic<long> allocations{0}, frees{0};

void counted_free(void* p) noexcept {
    frees.fetch_add(p != nullptr ? 1 : 0, std::memory_order_relaxed);
    std::free(p);
}

void* counted_allocation(std::size_t size, std::size_t align) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    std::size_t const least = std::max(align, sizeof(void*));
    if (void* const p =
            std::aligned_alloc(least, (std::max<std::size_t>(size, 1) + least - 1) / least * least))
        return p;
    throw std::bad_alloc();
}

// Returns the least number of allocations of several rounds. A runtime may allocate in some rounds. An
// operation that allocates does so in each round.
template <class Round>
long fewest_allocations(Round const& round) {
    long fewest = 1'000'000;
    for (int i = 0; i < 10; ++i) {
        long const before = allocations;
        round();
        fewest = std::min(fewest, allocations - before);
    }
    return fewest;
}

} // namespace

void* operator new(std::size_t size) { return counted_allocation(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::nothrow_t const&) noexcept {
    return counted_allocation(size, alignof(std::max_align_t));
}
void* operator new(std::size_t size, std::align_val_t align) {
    return counted_allocation(size, static_cast<std::size_t>(align));
}
void operator delete(void* p) noexcept { counted_free(p); }
void operator delete(void* p, std::size_t) noexcept { counted_free(p); }
void operator delete(void* p, std::align_val_t) noexcept { counted_free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { counted_free(p); }

TEST_CASE("the allocation counter counts allocations", "[chan]") {
    long const before = allocations;
    fiber::chan<int> const ch;
    CHECK(allocations > before);
}

TEST_CASE("operations allocate nothing", "[chan]") {
    using namespace std::chrono_literals;
    fiber::runtime rt;
    for (int capacity : {0, 1, 16}) {
        auto const fewest = rt.run([&] {
            fiber::chan<std::string> const there(capacity), back(capacity);
            auto echo = fiber::go([=] {
                for (auto& s : there)
                    back.send(std::move(s));
            });
            std::string value = "long enough to have been allocated, which its moves must not be";
            auto const result = fewest_allocations([&] {
                for (int i = 0; i < 500; ++i) {
                    there.send(std::move(value));
                    value = back.recv().value();
                    static_cast<void>(there.send_for(std::move(value), 1h));
                    static_cast<void>(back.recv_for(value, 1h));
                    static_cast<void>(back.recv_for(value, 0s));
                    static_cast<void>(back.try_recv(value));
                }
            });
            there.close();
            echo.join();
            return result;
        });
        CHECK(fewest == 0);
    }
}

TEST_CASE("selects allocate nothing", "[select]") {
    using namespace std::chrono_literals;
    fiber::runtime rt;
    for (int capacity : {0, 16}) {
        auto const fewest = rt.run([&] {
            fiber::chan<int> const there(capacity), back(capacity), never;
            std::stop_source source;
            auto echo = fiber::go([=] {
                for (int n : there)
                    fiber::select(fiber::on_send(back, n, [] {}), fiber::on_recv(never, [](auto) {}));
            });
            int got = 0;
            auto const use = [&](std::optional<int> n) { got += n.value(); };
            fiber::selector any;
            any.recv(back, use);
            any.recv(never, use);
            any.timeout(1h, [] {});
            auto const result = fewest_allocations([&] {
                for (int i = 0; i < 500; ++i) {
                    there.send(i);
                    fiber::select(fiber::on_recv(back, use), fiber::on_recv(never, use));
                    there.send(i);
                    fiber::select(fiber::on_recv(back, use), fiber::on_stop(source.get_token(), [] {}));
                    there.send(i);
                    fiber::select(fiber::on_recv(back, use), fiber::on_timeout(1h, [] {}));
                    there.send(i);
                    any.wait();
                    fiber::select(fiber::on_recv(back, use), fiber::otherwise([] {}));
                }
            });
            there.close();
            echo.join();
            return result;
        });
        CHECK(fewest == 0);
    }
}

TEST_CASE("a selector allocates nothing in repeated waits", "[selector]") {
    fiber::runtime rt;
    auto const fewest = rt.run([] {
        fiber::chan<int> const there, back, never;
        auto echo = fiber::go([=] {
            fiber::selector both; // always parks between two values
            both.recv(there, [&](std::optional<int> n) { n ? back.send(*n) : back.close(); });
            both.recv(never, [](auto) {});
            while (!back.closed())
                both.wait();
        });
        auto const result = fewest_allocations([&] {
            for (int i = 0; i < 500; ++i) {
                fiber::select(fiber::on_send(there, i, [] {}), fiber::on_recv(never, [](auto) {}));
                back.recv();
            }
        });
        there.close();
        echo.join();
        return result;
    });
    CHECK(fewest == 0);
}

TEST_CASE("a ticker allocates nothing for a tick", "[time]") {
    fiber::ticker const ticker(std::chrono::microseconds(100));
    auto const ticks = ticker.ticks();
    CHECK(fewest_allocations([&] {
              for (int i = 0; i < 10; ++i)
                  ticks.recv();
          }) == 0);
}

TEST_CASE("dropped times free their memory", "[time]") {
    using namespace std::chrono_literals;
    auto const ask = [] {
        auto const last = fiber::after(2ms);
        for (int i = 0; i < 1000; ++i) {
            static_cast<void>(fiber::after(1h));
            static_cast<void>(fiber::after(0s)); // dropped before or after the time is sent
        }
        auto const unread = fiber::after(0s);
        last.recv();
    };
    ask(); // starts the global runtime, for the clock's fiber
    long const before = allocations - frees;
    ask();
    CHECK(allocations - frees < before + 1000);
}

TEST_CASE("contexts free their memory", "[context]") {
    auto const root = fiber::context::with_cancel(fiber::context::background());
    auto const leaf = [&] {
        auto ctx = root;
        for (int i = 0; i < 1000; ++i)
            ctx = fiber::context::with_value(fiber::context::with_timeout(ctx, std::chrono::hours(1)), i);
        return ctx.cancelled();
    };
    CHECK_FALSE(leaf()); // starts the global runtime, for the clock's fiber
    long const before = allocations - frees;
    CHECK_FALSE(leaf());
    CHECK(allocations - frees < before + 1000);
}
