// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// once_box.hpp: an object that is created at its first use and never destroyed, because machines
// run on while the process exits. A static local would not do: other threads wait for its guard
// while one thread creates it, and a fork leaves the guard locked in the child for good. Here
// several threads may create an object each; the first one published stays.
#pragma once

#include <atomic>

namespace fiber::rt {

template <class T>
class once_box {
public:
    constexpr once_box() noexcept = default;

    [[nodiscard]] T& get() {
        T* const made = at_.load(std::memory_order_acquire); // [once.made]
        return made != nullptr ? *made : make();
    }

private:
    [[gnu::noinline]] T& make() {
        T* const mine = new T;
        T* first = nullptr;
        // [once.made] A thread that sees the address sees the object.
        if (at_.compare_exchange_strong(first, mine, std::memory_order_release, std::memory_order_acquire))
            return *mine;
        delete mine;
        return *first;
    }

    std::atomic<T*> at_{nullptr};
};

} // namespace fiber::rt
