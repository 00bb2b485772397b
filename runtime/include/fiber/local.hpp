// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// <fiber/local.hpp>: what thread_local is for threads.
#pragma once

#include <fiber/detail/config.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace fiber {
namespace detail {

[[nodiscard]] FIBER_API std::uint64_t new_local_variable() noexcept;
[[nodiscard]] FIBER_API void* find_local(std::uint64_t variable) noexcept;
FIBER_API void add_local(std::uint64_t variable, void* value, void (*destroy)(void*));

} // namespace detail

// A variable of which each fiber has its own: made when the fiber first uses it, destroyed when the fiber
// ends, the last made first. Each OS thread has its own as well. The local object itself, usually a global,
// may be used by all at once; values outlive it if their fibers do.
template <class T>
class local {
public:
    // Values are made by T().
    local() : local([] { return std::unique_ptr<T>(new T()); }) {}
    // Values are made by make(), which returns std::unique_ptr<T>.
    explicit local(std::function<std::unique_ptr<T>()> make) : make_(std::move(make)) {}
    local(local const&) = delete;
    local& operator=(local const&) = delete;

    // The caller's own value. Throws what making it throws. The reference is the fiber's, not the OS
    // thread's: it stays right wherever the fiber goes on.
    [[nodiscard]] T& get() const {
        if (void* const found = detail::find_local(variable_))
            return *static_cast<T*>(found);
        std::unique_ptr<T> made = make_();
        detail::add_local(variable_, made.get(), [](void* value) { delete static_cast<T*>(value); });
        return *made.release();
    }
    [[nodiscard]] T& operator*() const { return get(); }
    [[nodiscard]] T* operator->() const { return &get(); }

private:
    std::uint64_t const variable_ = detail::new_local_variable();
    std::function<std::unique_ptr<T>()> make_;
};

} // namespace fiber
