// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// once.hpp: std::once_flag and std::call_once for fibers and OS threads.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/wait_list.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <utility>

namespace fiber {

// once_flag is std::once_flag: records whether a call_once has succeeded. Constant-initialised.
class FIBER_API once_flag {
public:
    constexpr once_flag() noexcept = default;
    once_flag(once_flag const&) = delete;
    once_flag& operator=(once_flag const&) = delete;

private:
    template <class F, class... Args>
    friend void call_once(once_flag& flag, F&& f, Args&&... args);

    using word = std::uint32_t;
    static constexpr word fresh = 0, running = 1, awaited = 2, done = 3; // see once.cpp

    // The right, and the duty, to make the call. Handed over to a waiter if the call throws.
    class attempt {
    public:
        explicit attempt(once_flag& flag) noexcept : flag_(flag) {}
        attempt(attempt const&) = delete;
        attempt& operator=(attempt const&) = delete;
        ~attempt() { succeeded_ ? flag_.finish() : flag_.hand_over_attempt(); }
        void succeeded() noexcept { succeeded_ = true; }

    private:
        once_flag& flag_;
        bool succeeded_ = false;
    };

    [[nodiscard]] bool is_done() const noexcept {
        return state_.load(std::memory_order_acquire) == done; // [once.done]
    }
    // Waits while another fiber or thread makes the call. Returns true if the caller must make it,
    // false if it has succeeded.
    [[nodiscard]] bool begin_attempt() noexcept;
    void finish() noexcept;
    void hand_over_attempt() noexcept;

    std::atomic<word> state_{fresh};
    detail::wait_list waiters_;
};

// call_once is std::call_once: calls f(args...) if no call for this flag has returned yet. Other
// callers block until a call has returned, and then see its effects. If f throws, its caller gets
// the exception, and the longest waiter makes the next attempt. A call_once for the same flag
// inside f deadlocks.
template <class F, class... Args>
void call_once(once_flag& flag, F&& f, Args&&... args) {
    if (flag.is_done() || !flag.begin_attempt())
        return;
    once_flag::attempt attempt(flag);
    static_cast<void>(std::invoke(std::forward<F>(f), std::forward<Args>(args)...));
    attempt.succeeded();
}

} // namespace fiber
