// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/io/slot_table.hpp"

#include <cstdint>
#include <memory>
#include <new>

namespace fiber::rt {
namespace {

// Returns what the entry points to. Makes it if there is none yet: of several threads one succeeds.
template <class T>
T* get_or_make(std::atomic<T*>& entry) noexcept {
    T* there = entry.load(std::memory_order_acquire); // [slot_table] sees a complete object
    if (there != nullptr)
        return there;
    std::unique_ptr<T> made(new (std::nothrow) T());
    if (made != nullptr && entry.compare_exchange_strong(there, made.get(),
                                                         std::memory_order_acq_rel,  // [slot_table]
                                                         std::memory_order_acquire)) // [slot_table]
        return made.release();
    return there;
}

} // namespace

poll_slot* slot_table::find(int fd) const noexcept {
    if (fd < 0)
        return nullptr;
    auto const number = static_cast<std::size_t>(fd);
    shelf const* const on = shelves_[number >> (slot_bits + block_bits)].load(std::memory_order_acquire);
    if (on == nullptr)
        return nullptr;
    block* const in = (*on)[(number >> slot_bits) % on->size()].load(std::memory_order_acquire);
    return in != nullptr ? &in->slots[number % in->slots.size()] : nullptr; // [slot_table]
}

poll_slot* slot_table::get(int fd) noexcept {
    if (poll_slot* const there = find(fd))
        return there;
    if (fd < 0)
        return nullptr;
    auto const number = static_cast<std::size_t>(fd);
    shelf* const on = get_or_make(shelves_[number >> (slot_bits + block_bits)]);
    block* const in = on != nullptr ? get_or_make((*on)[(number >> slot_bits) % on->size()]) : nullptr;
    return in != nullptr ? &in->slots[number % in->slots.size()] : nullptr;
}

int slot_table::number_of(void const* slot) const noexcept {
    auto const address = reinterpret_cast<std::uintptr_t>(slot);
    for (std::size_t s = 0; s < shelves; ++s) {
        shelf const* const on = shelves_[s].load(std::memory_order_acquire); // [slot_table]
        for (std::size_t b = 0; on != nullptr && b < on->size(); ++b) {
            block const* const in = (*on)[b].load(std::memory_order_acquire); // [slot_table]
            auto const offset = address - reinterpret_cast<std::uintptr_t>(in);
            if (in != nullptr && offset < sizeof(block))
                return static_cast<int>((((s << block_bits) + b) << slot_bits) + offset / sizeof(poll_slot));
        }
    }
    return -1;
}

slot_table::~slot_table() {
    for (auto& entry : shelves_) {
        shelf* const on = entry.load(std::memory_order_relaxed); // the last thread
        if (on == nullptr)
            continue;
        for (auto& in : *on)
            delete in.load(std::memory_order_relaxed);
        delete on;
    }
}

} // namespace fiber::rt
