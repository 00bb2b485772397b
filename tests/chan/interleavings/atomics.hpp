// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// atomics.hpp: included before each source that the schedule drives. It makes each acquire load without a
// lock, and each release store, a point of preemption. Protocols such as [chan.early] consist of these.
// The 32-bit spin words are left out: the locks are points of preemption already.
#pragma once

// Includes the standard headers that use std::atomic, before the macro below can change them.
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

// Called when the running fiber is about to load an atomic, or to store one: schedule.cpp.
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
