// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// lock_rank.cpp: checks the order of locks in debug builds, per thread.
#include "runtime/base/lock/lock_rank.hpp"

#ifndef NDEBUG

#include "runtime/base/process/fatal.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>

namespace fiber::rt {
namespace {

struct held {
    lock_rank rank;
    void const* lock;
};

// In the order of locking. A commit function may release a lock on another stack, but on the same
// thread. A select over more channels than fit is not checked.
struct held_locks {
    std::array<held, 64> entries;
    std::size_t count;
};
thread_local held_locks mine{};

} // namespace

[[gnu::noinline]] void note_locked(lock_rank rank, void const* lock) noexcept {
    auto& [entries, count] = mine;
    if (count > 0 && count < entries.size()) {
        held const& top = entries[count - 1];
        bool const rises = top.rank < rank || (top.rank == rank && std::less<>{}(top.lock, lock));
        if (!rises)
            fatal("lock of rank %d taken while holding one of rank %d", static_cast<int>(rank),
                  static_cast<int>(top.rank));
    }
    if (count < entries.size())
        entries[count] = {rank, lock};
    ++count;
}

[[gnu::noinline]] void note_unlocked(lock_rank, void const* lock) noexcept {
    auto& [entries, count] = mine;
    auto const end = entries.begin() + static_cast<std::ptrdiff_t>(std::min(count, entries.size()));
    auto const at = std::find_if(entries.begin(), end, [lock](held const& h) { return h.lock == lock; });
    if (at != end)
        std::move(at + 1, end, at);
    --count;
}

} // namespace fiber::rt

#endif
