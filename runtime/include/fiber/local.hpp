// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// <fiber/local.hpp>: what thread_local is for threads.
#pragma once

#include <fiber/detail/config.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace fiber {

template <class T>
class local;

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

// A function that makes values, rather than the value that each begins with.
template <class F, class T>
concept makes_values = requires(F& f) {
    { f() } -> std::convertible_to<std::unique_ptr<T>>;
};
template <class U, class T>
concept makes_initial_value =
    !std::is_same_v<std::remove_cvref_t<U>, local<T>> && std::is_constructible_v<T, U> &&
    std::is_copy_constructible_v<T> && !makes_values<std::remove_cvref_t<U>, T>;

} // namespace detail

// A variable of which each fiber has its own: made when the fiber first uses it, destroyed when the fiber
// ends, the last made first. Each OS thread has its own as well. The local object itself, usually a global,
// may be used by all at once. Once it is destroyed, nobody may use its values any more: each fiber destroys its own, when it
// ends or, so that they do not pile up in one that lives for long, when it makes values of other variables.
//
// It takes the place of a thread_local by name: `fiber::local<int> depth = 0;` instead of `thread_local int depth = 0;`
// leaves `depth = 4`, `++depth` and `f(depth)` as they are. Members are reached by `->` or get(). The conversion to T& is a
// reference to the caller's value, not the fiber's that uses it later.
template <class T>
class local {
public:
    // Values are made by T().
    local() : local(std::function<std::unique_ptr<T>()>([] { return std::unique_ptr<T>(new T()); })) {}
    // Values are copies of this one. (A thread_local's initialiser runs once in each thread; where that makes a difference,
    // give a function.)
    template <class U = T>
    requires(detail::makes_initial_value<U, T>) explicit(!std::is_convertible_v<U, T>) local(U&& value)
        : local(std::function<std::unique_ptr<T>()>(
              [initial = T(std::forward<U>(value))] { return std::unique_ptr<T>(new T(initial)); })) {}
    // Values are made by make(), which returns std::unique_ptr<T>, in the fiber or thread whose value it is.
    explicit local(std::function<std::unique_ptr<T>()> make) : make_(std::move(make)) {}
    local(local const&) = delete;

    // The caller's own value. Throws what making it throws. The reference is the fiber's, not the OS
    // thread's: it stays right wherever the fiber goes on.
    [[nodiscard]] T& get() const {
        if (void* const found = detail::find_local(variable_.number()))
            return *static_cast<T*>(found);
        std::unique_ptr<T> made = make_();
        T* const value = made.get();
        detail::add_local(variable_, value, [](void* it) { delete static_cast<T*>(it); });
        static_cast<void>(made.release());
        return *value;
    }
    [[nodiscard]] T& operator*() const { return get(); }
    [[nodiscard]] T* operator->() const { return std::addressof(get()); }
    [[nodiscard]] operator T&() const { return get(); }

    // Assign to the caller's own value, and return it. From another variable: that one's value for the caller.
    template <class U = T>
    requires(!std::is_same_v<std::remove_cvref_t<U>, local> && std::is_assignable_v<T&, U>) T&
    operator=(U&& value) const {
        T& mine = get();
        mine = std::forward<U>(value);
        return mine;
    }
    T& operator=(local const& other) const requires std::is_copy_assignable_v<T> {
        return *this = std::as_const(other.get());
    }

private:
    detail::local_variable const variable_;
    std::function<std::unique_ptr<T>()> make_;
};

} // namespace fiber
