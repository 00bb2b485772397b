// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// local_table.hpp: the values of one agent's fiber::local variables, in the order of making, and the
// agent's exit actions.
//   invariant  add() sweeps a table of 16 values, or of twice the number that the last sweep has left;
//              a sweep destroys the values of destroyed variables. The number of these values is never
//              greater than the number of all other values plus 16
#pragma once

#include "runtime/exit_action.hpp"

#include <fiber/local.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace fiber::rt {

// Tells whether a variable still exists. A record holds its variable's number while the variable exists,
// and other numbers later. Records are reused and never freed, because any table may read a record at
// any time.
class local_record {
public:
    // Relaxed: a table that sees a variable's end late destroys the value late, which is harmless.
    [[nodiscard]] bool is(std::uint64_t variable) const noexcept {
        return number_.load(std::memory_order_relaxed) == variable;
    }
    void begin(std::uint64_t variable) noexcept { number_.store(variable, std::memory_order_relaxed); }
    void end() noexcept { number_.store(0, std::memory_order_relaxed); }

    local_record* next_free = nullptr;

private:
    std::atomic<std::uint64_t> number_{0}; // 0 while no variable has the record
};

class local_table {
public:
    // Returns the value of the variable with this number, or null if the table has none yet. Numbers are
    // never reused.
    [[nodiscard]] void* find(std::uint64_t variable) const noexcept;
    // Adds a value, and sweeps the table if a sweep is due. The destructors that a sweep calls may use
    // other variables, and park. Throws std::bad_alloc.
    void add(detail::local_variable const&, void* value, void (*end)(void*));

    void add(exit_action& action) noexcept;

    // Destroys the values, the last one first. A destructor may make new values, which are destroyed too.
    // Then runs the exit actions, the last one first.
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
    std::vector<entry> entries_; // usually few, so a search from the front is fast
    std::size_t sweep_at_ = min_sweep;
    exit_action* last_action_ = nullptr;
};

} // namespace fiber::rt
