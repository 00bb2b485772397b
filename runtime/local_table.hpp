// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// local_table.hpp: the values of one party's fiber::local variables, in the order they were made; and what else is to
// be done when it ends.
#pragma once

#include "runtime/park.hpp"

#include <cstdint>
#include <vector>

namespace fiber::rt {

class local_table {
public:
    // Null: none yet. Each variable has a number of its own, never reused.
    [[nodiscard]] void* find(std::uint64_t variable) const noexcept;
    void add(std::uint64_t variable, void* value, void (*end)(void*));

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
        void* value;
        void (*destroy)(void*);
    };
    std::vector<entry> entries_; // few: searched from the front
    exit_action* last_action_ = nullptr;
};

} // namespace fiber::rt
