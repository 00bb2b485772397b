// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stack_test.cpp: rt::stack_class and rt::stack_cache: sizes, guards, credits and slabs.

#include "tests/support/address_space.hpp"
#include "tests/support/affinity.hpp"
#include "tests/support/catch.hpp"

#include "runtime/park.hpp"
#include "runtime/sched/current.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/processor.hpp"
#include "runtime/stack/stack_cache.hpp"

#include <fiber/chan.hpp>
#include <fiber/runtime.hpp>

#include <csignal>
#include <cstring>
#include <set>
#include <string>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace rt = fiber::rt;

namespace {

// a class that no other test uses; fibers of other tests use the default class
constexpr std::size_t size = 128 * 1024;

rt::stack& take_one(rt::stack_class& c) {
    std::size_t taken = 0;
    c.reserve(1);
    rt::stack* const s = c.take(1, taken);
    REQUIRE(taken == 1);
    return *s;
}
void give_back(rt::stack& s) {
    s.next = nullptr;
    s.size_class.give(&s);
    s.size_class.unreserve(1);
}

// Returns the signal that ends a child process which writes one byte at this address, or 0.
int fatal_signal_of_writing(std::byte* at) {
    pid_t const child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        std::signal(SIGSEGV, SIG_DFL);
        std::signal(SIGBUS, SIG_DFL);
        *static_cast<std::byte volatile*>(at) = std::byte{1};
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

constexpr std::size_t gib = std::size_t{1} << 30;

} // namespace

TEST_CASE("a stack size is rounded up to its class", "[stack]") {
    CHECK(rt::stack_class::of_size(rt::min_stack_size).size() == rt::min_stack_size);
    CHECK(rt::stack_class::of_size(100'000).size() == 131'072);
    CHECK(rt::stack_class::of_size(131'072).size() == 131'072);
    CHECK(rt::stack_class::of_size(131'073).size() == 262'144);
}

TEST_CASE("the error for a stack size out of range names the limits", "[stack]") {
    for (std::size_t const bad :
         {std::size_t{0}, std::size_t{1}, rt::min_stack_size - 1, rt::max_stack_size + 1}) {
        try {
            static_cast<void>(rt::stack_class::of_size(bad));
            FAIL("accepted " << bad);
        } catch (std::invalid_argument const& e) {
            CHECK(std::string(e.what()).find(std::to_string(rt::min_stack_size)) != std::string::npos);
        }
    }
}

TEST_CASE("a stack is usable to its last byte, and the page below it faults", "[stack]") {
    rt::stack& s = take_one(rt::stack_class::of_size(size));
    CHECK(s.slot() + rt::guard_size == s.bottom());
    CHECK(s.bottom() + s.usable() == reinterpret_cast<std::byte*>(&s));
    CHECK(s.usable() > size - rt::guard_size - 2048);
    std::memset(s.bottom(), 1, 4096);
    std::memset(s.bottom(), 0, 4096);
    REQUIRE(s.guard == rt::guard_kind::page);
    CHECK(fatal_signal_of_writing(s.bottom()) == 0);
    CHECK(fatal_signal_of_writing(s.bottom() - 1) != 0);
    CHECK(fatal_signal_of_writing(s.slot()) != 0);
    give_back(s);
}

TEST_CASE("the stack given back last is taken first", "[stack]") {
    auto& c = rt::stack_class::of_size(size);
    rt::stack& a = take_one(c);
    rt::stack& b = take_one(c);
    give_back(a);
    give_back(b);
    rt::stack& again = take_one(c);
    CHECK(&again == &b);
    give_back(again);
}

TEST_CASE("stacks start at different page offsets", "[stack]") {
    auto& c = rt::stack_class::of_size(16 * size);
    rt::stack& a = take_one(c);
    rt::stack& b = take_one(c);
    CHECK(reinterpret_cast<std::uintptr_t>(&a) % 4096 != reinterpret_cast<std::uintptr_t>(&b) % 4096);
    give_back(a);
    give_back(b);
}

TEST_CASE("trim returns the memory of idle stacks, and their guards stay", "[stack]") {
    auto& c = rt::stack_class::of_size(4 * size);
    rt::stack& s = take_one(c);
    std::byte* const slot = s.slot();
    std::memset(s.bottom(), 1, 4096);
    give_back(s);
    auto const before = rt::stack_class::totals();
    rt::stack_class::trim_all();
    auto const after = rt::stack_class::totals();
    CHECK(after.bytes_cached < before.bytes_cached);
    CHECK(after.bytes_reserved == before.bytes_reserved);
    rt::stack& again = take_one(c);
    CHECK(again.slot() == slot);
    CHECK(again.bottom()[0] == std::byte{0});
    CHECK(fatal_signal_of_writing(again.bottom() - 1) != 0);
    give_back(again);
}

TEST_CASE("credits never exceed the available address space", "[stack]") {
    rt::stack_class c(rt::max_stack_size); // a separate class: its stacks serve no other test
    constexpr std::size_t most = 5;
    tests::address_space_left const end(most * rt::max_stack_size + gib);
    std::size_t had = 0;
    try {
        for (; had <= 16 * most; ++had) // Other sizes give up their address space.
            c.reserve(1);
        FAIL("no end of address space");
    } catch (std::system_error const& e) {
        CHECK(e.code() == std::errc::resource_unavailable_try_again);
    }
    CHECK(had > 0);
    c.unreserve(had);
    c.reserve(1); // The class still works.
    c.unreserve(1);
}

TEST_CASE("the last stacks of a slab are available on every CPU", "[stack]") {
    constexpr std::size_t small = 64 * 1024, all = 256; // one slab of them
    rt::stack_class c(small);
    std::set<std::byte const*> slots;
    std::vector<rt::stack*> taken;
    auto const take = [&] {
        std::size_t n = 0;
        taken.push_back(c.take(1, n));
        slots.insert(taken.back()->slot());
    };
    c.reserve(all);
    {
        tests::affinity const cpus;
        cpus.move_to(0);
        take();
        cpus.move_to(1);
        while (taken.size() < all)
            take();
    }
    CHECK(slots.size() == all);
    for (rt::stack* const s : taken)
        give_back(*s);
}

// A fiber that starts on one processor and ends on another moves its credit. A cache with a moved
// credit must still ask for credits of idle stacks when its first fiber starts.
TEST_CASE("a cache keeps idle stacks after its first start, also after ends of other fibers", "[stack]") {
    rt::stack_class c(64 * 1024); // a class of this test alone
    rt::stack_cache here(c, rt::stack_cache::thread_limits), there(c, rt::stack_cache::thread_limits);
    here.take_credit();
    std::size_t others = 0;
    while (c.reserve_existing(1))
        ++others;
    rt::stack& first = here.take();
    there.give_credit();
    there.give(first);
    CHECK(there.idle() == 0); // No credits are left for idle stacks.
    there.take_credit();
    rt::stack& second = there.take();
    there.give_credit();
    there.give(second);
    CHECK(there.idle() != 0);
    c.unreserve(others);
}

TEST_CASE("a slab halved for lack of address space holds whole stacks", "[stack]") {
    constexpr std::size_t unit = gib;
    tests::address_space_left const end(160 * unit);
    std::vector<rt::slab> all;
    for (;;) {
        rt::slab const s = rt::reserve_slab(101 * unit, unit); // halved: 50.5, 25.25 …
        if (s.begin == nullptr)
            break;
        all.push_back(s);
    }
    CHECK(all.size() > 1);
    for (rt::slab const& s : all) {
        auto const bytes = static_cast<std::size_t>(s.end - s.begin);
        CHECK(bytes >= unit);
        CHECK(bytes % unit == 0);
        CHECK(reinterpret_cast<std::uintptr_t>(s.begin) % unit == 0);
        ::munmap(s.begin, bytes);
    }
}

TEST_CASE("an overflow of an unguarded stack changes its canary", "[stack]") {
    auto& c = rt::stack_class::of_size(size);
    alignas(64) static std::byte memory[2 * size];
    auto const begin =
        reinterpret_cast<std::byte*>((reinterpret_cast<std::uintptr_t>(memory) + size - 1) & ~(size - 1));
    auto* const s = ::new (begin + size - sizeof(rt::stack)) rt::stack(c, rt::guard_kind::canary);
    CHECK(s->canary_intact());
    s->bottom()[8] = std::byte{1};
    CHECK_FALSE(s->canary_intact());
    s->~stack();
}

// Other fibers would wait for the lock that the parking fiber's commit function has yet to release.
TEST_CASE("stacks are made after the parking fiber has left its stack", "[stack][park]") {
    fiber::runtime r({.processors = 1, .stack_size = size});
    r.go([] {
         int made = 0;
         fiber::chan<void> end;
         std::vector<fiber::handle> children;
         while (made < 3) {
             bool const none_idle =
                 rt::current_machine()->p->idle.stacks_from(rt::stack_source::usual).idle() == 0;
             bool in_scheduler_context = false;
             rt::agent& me = rt::self();
             children.push_back(fiber::go([&me, end] {
                 rt::unpark(rt::ticket{&me});
                 end.recv();
             }));
             rt::park(rt::wait_reason::semaphore, &made,
                      [&] { in_scheduler_context = rt::current_machine()->running == nullptr; });
             if (none_idle) {
                 CHECK(in_scheduler_context);
                 ++made;
             }
         }
         end.close();
         for (auto& c : children)
             c.join();
     }).join();
}

// All pages of this system may have 4 KiB. On other systems the kernel refuses ranges that are not
// whole pages.
TEST_CASE("a range is rounded to pages of any size", "[stack]") {
    constexpr std::size_t page = 65536;
    auto const at = [](std::uintptr_t address) { return reinterpret_cast<std::byte*>(address); };
    struct {
        std::uintptr_t begin;
        std::size_t size;
        std::uintptr_t around;
        std::size_t around_size;
        std::uintptr_t within;
        std::size_t within_size;
    } const cases[] = {
        {2 * page, page, 2 * page, page, 2 * page, page},
        {2 * page + 4096, page, 2 * page, 2 * page, 3 * page, 0},
        {2 * page + 4096, 2 * page, 2 * page, 3 * page, 3 * page, page},
        {2 * page - 4096, 8192, page, 2 * page, 2 * page, 0},
        {2 * page, 3 * page - 1, 2 * page, 3 * page, 2 * page, 2 * page},
    };
    for (auto const& c : cases) {
        INFO(c.begin << ", " << c.size);
        auto const around = rt::pages_around({at(c.begin), c.size}, page);
        CHECK(around.begin == at(c.around));
        CHECK(around.size == c.around_size);
        auto const within = rt::pages_within({at(c.begin), c.size}, page);
        CHECK(within.size == c.within_size);
        CHECK((within.size == 0 || within.begin == at(c.within)));
    }
    CHECK(rt::pages_within({at(2 * page + 4096), 4096}, page).size ==
          0); // The range lies within one page and ends at its end.
}
