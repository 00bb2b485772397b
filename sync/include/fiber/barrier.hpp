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

// A barrier but for the type of its completion.
class FIBER_API barrier_base {
public:
    using number = std::uint64_t;
    // What is to be done once all have arrived, before the next phase begins.
    struct completion {
        void (*run)(void* what) noexcept; // null: nothing
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

    // All guarded by rt::queue_lock_of(this).
    std::atomic<number> phase_{0};
    std::ptrdiff_t expected_; // in each phase from the next one on
    std::ptrdiff_t missing_;  // in this one
    wait_list waiters_;       // of this phase
};

struct no_completion {
    void operator()() noexcept {}
};

} // namespace detail

// barrier is std::barrier: so many parties go from phase to phase together. The last one to arrive in a phase runs the
// completion function, then all that wait go on. Constant-initialised if the function is. Arriving more often than
// expected, and destroying one that is waited on, abort.
template <class CompletionFunction = detail::no_completion>
class barrier {
    static_assert(std::is_nothrow_invocable_v<CompletionFunction&>, "fiber: as in std, it may not throw");

public:
    // Says in which phase the party has arrived.
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

    // Counts n arrivals in this phase. Does not block, but may run the completion.
    [[nodiscard]] arrival_token arrive(std::ptrdiff_t n = 1) {
        return arrival_token(phases_.arrive(n, completion()));
    }
    // Blocks until the token's phase is complete.
    void wait(arrival_token&& arrival) const { phases_.wait(arrival.phase_); }
    // wait(arrive()).
    void arrive_and_wait() { phases_.arrive_and_wait(completion()); }
    // Arrives, and is expected no more in later phases.
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
