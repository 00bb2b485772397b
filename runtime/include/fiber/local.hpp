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

namespace rt {
class local_record;
}

namespace detail {

// A variable's number, which is never reused, and what tells others whether it is still there.
class local_variable {
public:
    FIBER_API local_variable(); // throws std::bad_alloc
    FIBER_API ~local_variable();
    local_variable(local_variable const&) = delete;
    local_variable& operator=(local_variable const&) = delete;

    [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
    [[nodiscard]] rt::local_record const* record() const noexcept { return record_; }

private:
    rt::local_record* record_;
    std::uint64_t number_;
};

[[nodiscard]] FIBER_API void* find_local(std::uint64_t variable) noexcept;
FIBER_API void add_local(local_variable const&, void* value, void (*destroy)(void*));

} // namespace detail

// A variable of which each fiber has its own: made when the fiber first uses it, destroyed when the fiber
// ends, the last made first. Each OS thread has its own as well. The local object itself, usually a global,
// may be used by all at once. Once it is destroyed, nobody may use its values any more: each fiber destroys its own, when it
// ends or, so that they do not pile up in one that lives for long, when it makes values of other variables.
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
        if (void* const found = detail::find_local(variable_.number()))
            return *static_cast<T*>(found);
        std::unique_ptr<T> made = make_();
        T& value = *made;
        detail::add_local(variable_, made.get(), [](void* it) { delete static_cast<T*>(it); });
        static_cast<void>(made.release());
        return value;
    }
    [[nodiscard]] T& operator*() const { return get(); }
    [[nodiscard]] T* operator->() const { return &get(); }

private:
    detail::local_variable const variable_;
    std::function<std::unique_ptr<T>()> make_;
};

} // namespace fiber
