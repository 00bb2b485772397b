// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// <fiber/stack.hpp>: with_stack, for calls that may need more stack than is left.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/go.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace fiber {

namespace detail {

// Calls body(argument) on another stack with at least `bytes` usable bytes, and returns when body
// returns. Lets exceptions pass. The caller remains the same fiber or OS thread.
// Throws std::system_error(resource_unavailable_try_again) if no stack can be had, and
// std::invalid_argument for more than 32 GiB.
FIBER_API void call_on_stack_extension(std::size_t bytes, void (*body)(void*), void* argument);

template <class F>
void call_erased(void* f) {
    (*static_cast<F*>(f))();
}
template <class Call>
void call_on_extension(std::size_t bytes, Call& call) {
    detail::call_on_stack_extension(bytes, detail::call_erased<Call>, std::addressof(call));
}

} // namespace detail

// Runs f() with at least `bytes` bytes of stack. Returns what f returns, and throws what f throws.
// Runs f on the current stack if this_fiber::stack_remaining() is enough. Otherwise takes a stack
// extension for the call: another stack, with a guard like every stack. Works in fibers and OS
// threads. A call on a stack extension costs about 0.1 µs.
// Use it for recursion with a depth that depends on the input: a parser that calls itself through
// with_stack(64 * 1024, …) is limited only by memory.
// Throws as go() does if no stack can be had; then f has not been called.
template <class F>
std::invoke_result_t<F> with_stack(std::size_t bytes, F&& f) {
    using result = std::invoke_result_t<F>;
    if (this_fiber::stack_remaining() >= bytes)
        return std::invoke(std::forward<F>(f));
    if constexpr (std::is_void_v<result>) {
        auto call = [&f] { std::invoke(std::forward<F>(f)); };
        detail::call_on_extension(bytes, call);
    } else if constexpr (std::is_reference_v<result>) {
        std::remove_reference_t<result>* there = nullptr;
        auto call = [&] {
            auto&& found = std::invoke(std::forward<F>(f));
            there = std::addressof(found);
        };
        detail::call_on_extension(bytes, call);
        return static_cast<result>(*there);
    } else {
        std::optional<result> value;
        auto call = [&] { value.emplace(std::invoke(std::forward<F>(f))); };
        detail::call_on_extension(bytes, call);
        return std::move(value.operator*());
    }
}

} // namespace fiber
