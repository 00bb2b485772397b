// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// Tests of stack classes at the end of the address space.

#include "tests/support/address_space.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/expect.hpp"

#include "runtime/stack/stack_class.hpp"

#include <cstring>
#include <memory>
#include <set>
#include <system_error>
#include <thread>
#include <vector>

namespace rt = fiber::rt;

namespace {

constexpr std::size_t mib = std::size_t{1} << 20;

class stacks {
public:
    stacks(rt::stack_class& of, std::size_t n) : of_(of) {
        of_.reserve(n);
        while (taken_.size() < n) {
            std::size_t one = 0;
            taken_.push_back(of_.take(1, one));
        }
    }
    stacks(stacks const&) = delete;
    stacks& operator=(stacks const&) = delete;
    ~stacks() {
        for (rt::stack* const s : taken_) {
            s->next = nullptr;
            of_.give(s);
        }
        of_.unreserve(taken_.size());
    }
    // Checks that each stack has a separate slot and is usable from end to end.
    void use() const {
        std::set<std::byte const*> slots;
        for (rt::stack* const s : taken_) {
            slots.insert(s->slot());
            REQUIRE(s->guard == rt::guard_kind::page);
            s->bottom()[0] = s->bottom()[s->usable() - 1] = std::byte{1};
        }
        REQUIRE(slots.size() == taken_.size());
        for (rt::stack* const s : taken_) {
            auto const slot = rt::stack_class::slot_of(s);
            REQUIRE(slot.begin == s->slot());
            REQUIRE(slot.size == of_.size());
        }
    }

private:
    rt::stack_class& of_;
    std::vector<rt::stack*> taken_;
};

// Takes and uses `bytes` of stacks. Idle stacks of this class from earlier tests do not matter: they
// are reclaimed, too.
void use_up(rt::stack_class& c, std::size_t bytes) {
    stacks const all(c, bytes / c.size());
    all.use();
}

} // namespace

TEST_CASE("address space of one stack size serves another size at the limit", "[stack]") {
    auto& small = rt::stack_class::of_size(mib / 2);
    auto& large = rt::stack_class::of_size(4 * mib);
    tests::address_space_left const end(128 * mib);
    for (int i = 0; i < 3; ++i) {
        use_up(small, 100 * mib);
        use_up(large, 100 * mib);
    }
}

TEST_CASE("address space between used stacks serves another size", "[stack]") {
    auto& small = rt::stack_class::of_size(mib / 2);
    auto& large = rt::stack_class::of_size(4 * mib);
    tests::address_space_left const end(160 * mib);
    auto first = std::make_unique<stacks>(small, 60);
    stacks const stay(small, 3);
    auto second = std::make_unique<stacks>(small, 60);
    stacks const stay_too(small, 3);
    auto third = std::make_unique<stacks>(small, 60);
    first.reset();
    second.reset();
    third.reset();
    use_up(large, 60 * mib);
    stay.use();
    stay_too.use();
    use_up(small, 30 * mib);
    stay.use();
    stay_too.use();
}

TEST_CASE("address space with a credit stays reserved", "[stack]") {
    auto& small = rt::stack_class::of_size(mib / 2);
    auto& large = rt::stack_class::of_size(4 * mib);
    tests::address_space_left const end(128 * mib);
    constexpr std::size_t n = 200;
    small.reserve(n);
    auto const reserve_all = [&] { // reclaims the address space of other sizes
        std::size_t had = 0;
        try {
            for (; had < 1'000'000; ++had) // Other tests leave up to a terabyte that can be reclaimed.
                large.reserve(1);
            FAIL("no end of address space");
        } catch (std::system_error const&) {
        }
        return had;
    };
    std::size_t const had = reserve_all();
    std::vector<rt::stack*> taken;
    std::set<std::byte const*> slots;
    for (std::size_t i = 0; i < n; ++i) {
        std::size_t one = 0;
        taken.push_back(small.take(1, one));
        slots.insert(taken.back()->slot());
        taken.back()->bottom()[0] = std::byte{1};
    }
    CHECK(slots.size() == n);
    for (rt::stack* const s : taken) {
        s->next = nullptr;
        small.give(s);
    }
    CHECK(reserve_all() == 0);
    small.unreserve(n);
    std::size_t const more = reserve_all();
    CHECK(more >= 20); // of 25
    large.unreserve(had + more);
}

TEST_CASE("stacks of several sizes are taken in parallel at the end of address space", "[stack][stress]") {
    tests::expect expect;
    tests::address_space_left const end(512 * mib);
    std::vector<std::thread> users;
    for (std::size_t const size : {mib / 2, mib, 2 * mib, 4 * mib})
        users.emplace_back([&expect, size] {
            auto& c = rt::stack_class::of_size(size);
            for (int round = 0; round < 100; ++round) {
                std::vector<rt::stack*> taken;
                std::size_t had = 0;
                try {
                    for (; had < 100 * mib / size; ++had)
                        c.reserve(1);
                } catch (std::system_error const&) { // The other threads have the rest.
                }
                for (std::size_t i = 0; i < had; ++i) {
                    std::size_t one = 0;
                    rt::stack* const s = c.take(1, one);
                    std::memset(s->bottom() + s->usable() - 64, static_cast<int>(i), 64);
                    taken.push_back(s);
                }
                for (std::size_t i = 0; i < had; ++i) {
                    rt::stack* const s = taken[i];
                    expect(s->bottom()[s->usable() - 1] == static_cast<std::byte>(i),
                           "the stack is its user's own");
                    s->next = nullptr;
                    c.give(s);
                }
                c.unreserve(had);
            }
        });
    for (auto& u : users)
        u.join();
}
