// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// <fiber/local.hpp>: fiber::local, which is to fibers what thread_local is to threads.
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

// Holds a variable's number, which is never reused, and the record that tells whether the variable
// still exists.
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

// makes_values<F, T>: F is a function that makes values of T. makes_initial_value<U, T>: a U is the
// initial value itself.
template <class F, class T>
concept makes_values = requires(F& f) {
    { f() } -> std::convertible_to<std::unique_ptr<T>>;
};
template <class U, class T>
concept makes_initial_value =
    !std::is_same_v<std::remove_cvref_t<U>, local<T>> && std::is_constructible_v<T, U> &&
    std::is_copy_constructible_v<T> && !makes_values<std::remove_cvref_t<U>, T>;

} // namespace detail

// A variable with one value for each fiber and each OS thread. A value is made at its fiber's first
// use. When the fiber ends, its values are destroyed, the last one made first. The local object
// itself is usually a global; all fibers and threads may use it at once. After its destruction, its
// values must not be used. Each fiber destroys its own value later: at its end, or when it makes
// values of other variables, so that dead values do not pile up.
//
// `fiber::local<int> depth = 0;` replaces `thread_local int depth = 0;`. The expressions `depth = 4`,
// `++depth` and `f(depth)` keep their meaning. `->` or get() reaches members. The conversion to T&
// refers to the value of the fiber that converts, not of a fiber that uses the reference later.
template <class T>
class local {
public:
    // Makes each value by T().
    local() : local(std::function<std::unique_ptr<T>()>([] { return std::unique_ptr<T>(new T()); })) {}
    // Makes each value as a copy of `value`. A thread_local's initialiser runs once in each thread;
    // where that matters, use the constructor from a function.
    template <class U = T>
    requires(detail::makes_initial_value<U, T>) explicit(!std::is_convertible_v<U, T>) local(U&& value)
        : local(std::function<std::unique_ptr<T>()>(
              [initial = T(std::forward<U>(value))] { return std::unique_ptr<T>(new T(initial)); })) {}
    // Makes each value by make(), which returns std::unique_ptr<T> and runs in the fiber or thread
    // that uses the value.
    explicit local(std::function<std::unique_ptr<T>()> make) : make_(std::move(make)) {}
    local(local const&) = delete;

    // Returns the caller's value, and makes it at the first use. Throws what making the value
    // throws. The reference belongs to the fiber, not to its OS thread: it stays valid after the
    // fiber changes its OS thread.
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

    // Assign to the caller's value, and return it. From another variable, assigns the caller's
    // value of that variable.
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
