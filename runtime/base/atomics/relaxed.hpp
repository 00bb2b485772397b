// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// relaxed.hpp: a value that its owner writes and other threads may read without order: for dumps,
// statistics and guesses.
#pragma once

#include <atomic>

namespace fiber::rt {

template <class T>
class relaxed {
public:
    constexpr relaxed() noexcept = default;
    constexpr relaxed(T value) noexcept : value_(value) {}
    relaxed& operator=(T value) noexcept {
        value_.store(value, std::memory_order_relaxed);
        return *this;
    }
    operator T() const noexcept { return value_.load(std::memory_order_relaxed); }
    T operator->() const noexcept { return *this; }

private:
    std::atomic<T> value_{};
};

} // namespace fiber::rt
