// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// packaged_task.hpp: packaged_task, which the public <fiber/future.hpp> includes.
#pragma once

#include <fiber/detail/future.hpp>
#include <fiber/detail/shared_state.hpp>

#include <functional>
#include <type_traits>
#include <utility>

namespace fiber {
namespace detail {

template <class R, class... Args>
class task_state : public result_state<R> {
public:
    // Run the function and store what it returns or throws. Throw promise_already_satisfied the
    // second time.
    void run(Args... args) {
        typename shared_state::setting mine(*this);
        call(std::forward<Args>(args)...);
        mine.done();
    }
    void run_ready_at_exit(Args... args) {
        typename shared_state::setting mine(*this);
        call(std::forward<Args>(args)...);
        mine.done_at_exit();
    }
    // Returns a new state; the function is moved into it.
    [[nodiscard]] virtual task_state* renewed() = 0;

private:
    virtual void call(Args... args) noexcept = 0;
};

template <class F, class R, class... Args>
class task_of final : public task_state<R, Args...> {
public:
    template <class From>
    explicit task_of(std::in_place_t, From&& f) : f_(std::forward<From>(f)) {}
    [[nodiscard]] task_state<R, Args...>* renewed() override {
        return new task_of(std::in_place, std::move(f_));
    }

private:
    void call(Args... args) noexcept override { this->store_result(f_, std::forward<Args>(args)...); }
    F f_;
};

// Deduces the signature of a function object from the type of its operator().
template <class R, class C, class... Args>
auto signature_of(R (C::*)(Args...)) -> R (*)(Args...);
template <class R, class C, class... Args>
auto signature_of(R (C::*)(Args...) const) -> R (*)(Args...);
template <class R, class C, class... Args>
auto signature_of(R (C::*)(Args...) &) -> R (*)(Args...);
template <class R, class C, class... Args>
auto signature_of(R (C::*)(Args...) const&) -> R (*)(Args...);
template <class R, class C, class... Args>
auto signature_of(R (C::*)(Args...) volatile) -> R (*)(Args...);
template <class R, class C, class... Args>
auto signature_of(R (C::*)(Args...) const volatile) -> R (*)(Args...);
template <class R, class C, class... Args>
auto signature_of(R (C::*)(Args...) volatile&) -> R (*)(Args...);
template <class R, class C, class... Args>
auto signature_of(R (C::*)(Args...) const volatile&) -> R (*)(Args...);
template <class Operator>
using call_signature = std::remove_pointer_t<decltype(detail::signature_of(Operator()))>;

} // namespace detail

template <class Signature>
class packaged_task;

// packaged_task is std::packaged_task: a function that gives its result to a future. Move-only.
// Throws the same errors as promise; a task without a function throws future_error(no_state).
template <class R, class... Args>
class packaged_task<R(Args...)> {
public:
    packaged_task() noexcept = default;
    template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, packaged_task> &&
             std::is_invocable_r_v<R, std::decay_t<F>&, Args...>) explicit packaged_task(F&& f)
        : state_(new detail::task_of<std::decay_t<F>, R, Args...>(std::in_place, std::forward<F>(f))) {}
    packaged_task(packaged_task&&) noexcept = default;
    packaged_task& operator=(packaged_task&& other) noexcept {
        packaged_task(std::move(other)).swap(*this);
        return *this;
    }
    ~packaged_task() {
        if (state_)
            state_->abandon();
    }
    void swap(packaged_task& other) noexcept { std::swap(state_, other.state_); }

    [[nodiscard]] bool valid() const noexcept { return bool(state_); }
    // Returns the future. Throws future_error(future_already_retrieved) the second time.
    [[nodiscard]] future<R> get_future() {
        state_->retain_for_future();
        return detail::future_access::make<R>(state_.get());
    }
    // Runs the function. Its result or exception goes to the future. Throws
    // promise_already_satisfied the second time.
    void operator()(Args... args) { state_->run(std::forward<Args>(args)...); }
    // Does the same, but the future becomes ready when the calling fiber or OS thread ends.
    void make_ready_at_thread_exit(Args... args) { state_->run_ready_at_exit(std::forward<Args>(args)...); }
    // Makes the task ready to run again, with a new future. If the old result was not set, its
    // future gets broken_promise.
    void reset() {
        packaged_task renewed;
        renewed.state_ = detail::state_pointer<state>(state_->renewed());
        swap(renewed);
    }

private:
    using state = detail::task_state<R, Args...>;
    detail::state_pointer<state> state_;
};

template <class R, class... Args>
packaged_task(R (*)(Args...)) -> packaged_task<R(Args...)>;
template <class F>
packaged_task(F) -> packaged_task<detail::call_signature<decltype(&F::operator())>>;

template <class R, class... Args>
void swap(packaged_task<R(Args...)>& a, packaged_task<R(Args...)>& b) noexcept {
    a.swap(b);
}

} // namespace fiber
