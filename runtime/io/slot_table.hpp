// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// slot_table.hpp: the slots of a netpoller, by descriptor number. Slots are made in blocks on first use, and
// are freed with the table.
#pragma once

#include "runtime/io/poll_slot.hpp"

#include <array>
#include <atomic>
#include <cstddef>

namespace fiber::rt {

class slot_table {
public:
    slot_table() = default;
    slot_table(slot_table const&) = delete;
    slot_table& operator=(slot_table const&) = delete;
    ~slot_table();

    // Returns the slot of a number, or null if the number is negative or has no slot yet. Any thread.
    [[nodiscard]] poll_slot* find(int fd) const noexcept;
    // Does the same, but makes the slot. Returns null if the number is negative or there is no memory.
    [[nodiscard]] poll_slot* get(int fd) noexcept;

    // Returns the number that has the slot, or -1. Looks at all blocks: for dumps.
    [[nodiscard]] int number_of(void const* slot) const noexcept;

private:
    // A number has 31 bits: shelf, block, slot. Numbers are small as a rule: the first shelf has a million.
    static constexpr unsigned slot_bits = 6, block_bits = 14;
    static constexpr std::size_t shelves = std::size_t{1} << (31 - slot_bits - block_bits);
    struct block {
        std::array<poll_slot, std::size_t{1} << slot_bits> slots;
    };
    using shelf = std::array<std::atomic<block*>, std::size_t{1} << block_bits>;

    std::array<std::atomic<shelf*>, shelves> shelves_{};
};

} // namespace fiber::rt
