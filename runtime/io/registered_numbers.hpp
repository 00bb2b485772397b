// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// registered_numbers.hpp: which numbers a netpoller of the process may have registered. Nobody waits for the
// others, and close() of them has nothing to do.
//
// [registered] registration of a number          close() of a caller
//            1 the number's bit = 1            1 the kernel forgets the number
//            2 full fence                      2 full fence
//            3 EPOLL_CTL_ADD; wait             3 the bit is 0: nobody waits
//   One of the fences is first: either close() sees the bit, or the kernel refuses left.3 with EBADF. A bit
//   is never cleared. Numbers with the same remainder share one: then close() looks for waiters in vain.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace fiber::rt {

class number_set {
public:
    void insert(int fd) noexcept {
        words_[index_of(fd)].fetch_or(bit_of(fd), std::memory_order_relaxed);
        int highest = highest_.load(std::memory_order_relaxed);
        while (highest < fd && !highest_.compare_exchange_weak(highest, fd, std::memory_order_relaxed)) {
        }
    }
    [[nodiscard]] bool may_contain(int fd) const noexcept {
        return (words_[index_of(fd)].load(std::memory_order_relaxed) & bit_of(fd)) != 0;
    }
    // Calls act(n) for each number from `first` to `last` that the set may contain.
    template <class Act>
    void for_each(int first, int last, Act&& act) const noexcept {
        last = std::min(last, highest_.load(std::memory_order_relaxed));
        for (int n = first; n <= last; ++n)
            if (may_contain(n))
                act(n);
    }

private:
    static constexpr std::size_t words = 64, bits_of_word = 64;
    [[nodiscard]] static std::size_t index_of(int fd) noexcept {
        return static_cast<unsigned>(fd) / bits_of_word % words;
    }
    [[nodiscard]] static std::uint64_t bit_of(int fd) noexcept {
        return std::uint64_t{1} << (static_cast<unsigned>(fd) % bits_of_word);
    }

    std::array<std::atomic<std::uint64_t>, words> words_{}; // relaxed: [registered] has fences
    std::atomic<int> highest_{-1};                          // relaxed: as words_
};
inline constinit number_set registered_numbers;

} // namespace fiber::rt
