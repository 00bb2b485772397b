// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// barrier.hpp: std::barrier for fibers and OS threads.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/wait_list.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

namespace fiber {
namespace detail {

// The part of a barrier that does not depend on the type of its completion.
class FIBER_API barrier_base {
public:
    using number = std::uint64_t;
    // The function that runs after the last arrival, before the next phase begins.
    struct completion {
        void (*run)(void* what) noexcept; // null if there is no function
        void* what;
    };
    static constexpr std::ptrdiff_t limit = PTRDIFF_MAX;

    constexpr explicit barrier_base(std::ptrdiff_t expected) : expected_(expected), missing_(expected) {
        if (expected < 0)
            report_misuse("made with a count below zero");
    }
    ~barrier_base() {
        if (!waiters_.empty()) [[unlikely]]
            report_destroyed_in_use();
    }
    barrier_base(barrier_base const&) = delete;
    barrier_base& operator=(barrier_base const&) = delete;

    [[nodiscard]] number arrive(std::ptrdiff_t n, completion) noexcept;
    void wait(number arrived_in) noexcept;
    void arrive_and_wait(completion) noexcept;
    void arrive_and_drop(completion) noexcept;

private:
    [[nodiscard]] number arrive_locked(std::ptrdiff_t n) noexcept;
    void complete_locked(completion) noexcept;
    void wait_locked() noexcept;
    [[noreturn]] void report_misuse(char const* what) const noexcept;
    void report_destroyed_in_use() const noexcept;

    // All are guarded by rt::queue_lock_of(this).
    std::atomic<number> phase_{0};
    std::ptrdiff_t expected_; // arrivals in each phase from the next one on
    std::ptrdiff_t missing_;  // arrivals that this phase still needs
    wait_list waiters_;       // of this phase
};

struct no_completion {
    void operator()() noexcept {}
};

} // namespace detail

// barrier is std::barrier: a fixed number of fibers and OS threads go from phase to phase together.
// The last arrival of a phase runs the completion function and wakes all waiters.
// Constant-initialised if the function is. More arrivals than expected abort, and so does
// destroying a barrier that is waited for.
template <class CompletionFunction = detail::no_completion>
class barrier {
    static_assert(std::is_nothrow_invocable_v<CompletionFunction&>, "fiber: as in std, it may not throw");

public:
    // The phase in which the caller has arrived.
    class arrival_token {
    public:
        arrival_token(arrival_token&&) noexcept = default;
        arrival_token& operator=(arrival_token&&) noexcept = default;

    private:
        friend class barrier;
        explicit arrival_token(detail::barrier_base::number phase) noexcept : phase_(phase) {}
        detail::barrier_base::number phase_;
    };

    [[nodiscard]] static constexpr std::ptrdiff_t max() noexcept { return detail::barrier_base::limit; }

    constexpr explicit barrier(std::ptrdiff_t expected, CompletionFunction f = CompletionFunction())
        : phases_(expected), completion_(std::move(f)) {}
    barrier(barrier const&) = delete;
    barrier& operator=(barrier const&) = delete;

    // Counts n arrivals in this phase. Never blocks, but the last arrival runs the completion.
    [[nodiscard]] arrival_token arrive(std::ptrdiff_t n = 1) {
        return arrival_token(phases_.arrive(n, completion()));
    }
    // Blocks until the token's phase is complete.
    void wait(arrival_token&& arrival) const { phases_.wait(arrival.phase_); }
    // Calls wait(arrive()).
    void arrive_and_wait() { phases_.arrive_and_wait(completion()); }
    // Counts one arrival in this phase, and lowers the expected arrivals of later phases by one.
    // Never blocks, but the last arrival runs the completion.
    void arrive_and_drop() { phases_.arrive_and_drop(completion()); }

private:
    detail::barrier_base::completion completion() noexcept {
        if constexpr (std::is_same_v<CompletionFunction, detail::no_completion>)
            return {nullptr, nullptr};
        else
            return {[](void* f) noexcept { static_cast<void>((*static_cast<CompletionFunction*>(f))()); },
                    const_cast<void*>(static_cast<void const*>(std::addressof(completion_)))};
    }

    mutable detail::barrier_base phases_; // std's wait() is const
    [[no_unique_address]] CompletionFunction completion_;
};

} // namespace fiber
