// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// atomics.hpp: put before every source that is to be driven through its interleavings: there an acquire load without a
// lock, and a release store, is a point of preemption too. Those are what [chan.early] and its like are made of. The
// spin words (32 bits) are left out: their locks have points of their own.
#pragma once

// All that uses std::atomic, and is not to be changed.
#include <atomic>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <random>
#include <semaphore>
#include <shared_mutex>
#include <sstream>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>

namespace tests {

// The fiber that runs is about to look at an atomic, or to publish by one: schedule.cpp.
void about_to_look() noexcept;
void about_to_publish() noexcept;

template <class T>
struct preemptible_atomic : std::atomic<T> {
    using std::atomic<T>::atomic;
    using std::atomic<T>::operator=;

    [[nodiscard]] T load(std::memory_order order = std::memory_order_seq_cst) const noexcept {
        if constexpr (!std::is_same_v<T, std::uint32_t>)
            if (order != std::memory_order_relaxed)
                about_to_look();
        return std::atomic<T>::load(order);
    }
    void store(T value, std::memory_order order = std::memory_order_seq_cst) noexcept {
        if constexpr (!std::is_same_v<T, std::uint32_t>)
            if (order != std::memory_order_relaxed)
                about_to_publish();
        std::atomic<T>::store(value, order);
    }
};

} // namespace tests

namespace std {
template <class T>
using atomic_of_tests = tests::preemptible_atomic<T>;
}
#define atomic atomic_of_tests
