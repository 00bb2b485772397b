// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What this library does: the queue is the owner's alone, and it gives half of it away, through a list under a
// lock, when it sees that somebody is hungry. From an owner that does not look, thieves take by breaking its lease.
#pragma once

#include "perf/rivals/queues/chain.hpp"
#include "perf/rivals/queues/item.hpp"
#include "perf/rivals/queues/lease.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace perf::queues {

class list {
public:
    [[nodiscard]] bool push(item& i) noexcept {
        lease_.enter();
        own_.push(i);
        if (hungry_.load(std::memory_order_relaxed))
            offer();
        lease_.leave();
        return true;
    }

    [[nodiscard]] item* pop() noexcept {
        lease_.enter();
        tick_.store(tick_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        if (hungry_.load(std::memory_order_relaxed) && !own_.empty())
            offer();
        if (own_.empty())
            take_shared(own_);
        item* const i = own_.pop();
        lease_.leave();
        return i;
    }

    [[nodiscard]] std::size_t steal(thief& by) noexcept {
        chain loot;
        take_shared(loot);
        if (loot.empty() && ++by.rounds % rounds_before_stealing == 0 && !own_.empty() && stands_still(by))
            lease_.break_it([&] { loot.push_from(own_, half()); });
        auto const n = loot.size();
        for (std::size_t k = 0; k < n; ++k)
            by.loot[k] = loot.pop();
        if (n != 0)
            by.rounds = 0;
        if (hungry_.load(std::memory_order_relaxed) != (n == 0))
            hungry_.store(n == 0, std::memory_order_relaxed);
        return n;
    }

private:
    static constexpr unsigned rounds_before_stealing = 20; // as the scheduler's

    class hold {
    public:
        explicit hold(std::atomic<bool>& lock) noexcept : lock_(lock) {
            while (lock_.exchange(true, std::memory_order_acquire))
                relax();
        }
        ~hold() { lock_.store(false, std::memory_order_release); }
        hold(hold const&) = delete;
        hold& operator=(hold const&) = delete;

    private:
        std::atomic<bool>& lock_;
    };

    [[nodiscard]] std::size_t half() const noexcept {
        return std::min(own_.size() - own_.size() / 2, thief::most);
    }
    void offer() noexcept {
        hold const h(lock_);
        shared_.push_from(own_, half());
    }
    // A share for one of two.
    void take_shared(chain& into) noexcept {
        if (shared_.empty())
            return;
        hold const h(lock_);
        auto const n = shared_.size();
        into.push_from(shared_, std::min({n / 2 + 1, n, thief::most}));
    }
    [[nodiscard]] bool stands_still(thief& by) const noexcept {
        auto const before = by.tick_seen;
        by.tick_seen = tick_.load(std::memory_order_relaxed);
        return by.tick_seen == before;
    }

    alignas(cache_line) chain own_;
    std::atomic<std::uint64_t> tick_{0};
    lease lease_;
    alignas(cache_line) std::atomic<bool> hungry_{false};
    alignas(cache_line) std::atomic<bool> lock_{false}; // guards the next
    chain shared_;
};

} // namespace perf::queues
