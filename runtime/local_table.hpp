// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// local_table.hpp: the values of one agent's fiber::local variables, in the order they were made; and what else is to
// be done when it ends.
//   invariant  when a value is added to a table of 16 values, or of twice as many as were left by the last sweep, a sweep
//              destroys the values of variables that are gone: these are never more than the others and 16
#pragma once

#include "runtime/park.hpp"

#include <fiber/local.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace fiber::rt {

// Tells whether a variable is still there. Records are reused and never freed, so that any table may look at one at any
// time: it has the variable's number while that is there, and other numbers later.
class local_record {
public:
    // Relaxed: a table that learns late of a variable's end destroys its value late.
    [[nodiscard]] bool is(std::uint64_t variable) const noexcept {
        return number_.load(std::memory_order_relaxed) == variable;
    }
    void begin(std::uint64_t variable) noexcept { number_.store(variable, std::memory_order_relaxed); }
    void end() noexcept { number_.store(0, std::memory_order_relaxed); }

    local_record* next_free = nullptr;

private:
    std::atomic<std::uint64_t> number_{0}; // 0: no variable's
};

class local_table {
public:
    // Null: none yet. Each variable has a number of its own, never reused.
    [[nodiscard]] void* find(std::uint64_t variable) const noexcept;
    // Destroys values of variables that are gone, now and then.
    void add(detail::local_variable const&, void* value, void (*end)(void*));

    void add(exit_action& action) noexcept;

    // Destroys the values, the last one first; a destructor may make new ones, which are destroyed as well. Then runs
    // the actions, the last one first.
    static void destroy(local_table*& of) noexcept {
        if (of != nullptr) [[unlikely]]
            destroy_all(of);
    }

private:
    static void destroy_all(local_table*& of) noexcept;

    struct entry {
        std::uint64_t variable;
        local_record const* record;
        void* value;
        void (*destroy)(void*);
    };
    void take_gone(std::vector<entry>& to) noexcept;

    static constexpr std::size_t min_sweep = 16;
    std::vector<entry> entries_; // few: searched from the front
    std::size_t sweep_at_ = min_sweep;
    exit_action* last_action_ = nullptr;
};

} // namespace fiber::rt
