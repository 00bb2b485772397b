// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// once_box.hpp: an object that is made at its first use, and never destroyed: machines run on while the process exits.
// Not a static local: while one thread makes that, others wait for its guard, and a fork leaves the guard locked in the child
// for good. Here several threads may make one each; the first one that is done publishes its own.
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
