// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// promise.hpp: promise, which the public <fiber/future.hpp> includes.
#pragma once

#include <fiber/detail/future.hpp>
#include <fiber/detail/shared_state.hpp>

#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

namespace fiber {
namespace detail {

// A state in memory from the user's allocator.
template <class State, class Allocator>
class allocated_state final : public State {
    using traits = typename std::allocator_traits<Allocator>::template rebind_traits<allocated_state>;
    using allocator = typename traits::allocator_type;

public:
    explicit allocated_state(allocator const& from) : allocator_(from) {}

    [[nodiscard]] static State* make(Allocator const& from) {
        allocator a(from);
        struct memory { // deallocated if the constructor throws
            allocator& from;
            typename traits::pointer storage;
            ~memory() {
                if (storage != nullptr)
                    traits::deallocate(from, storage, 1);
            }
        } taken{a, traits::allocate(a, 1)};
        auto* const made = ::new (static_cast<void*>(std::to_address(taken.storage))) allocated_state(a);
        taken.storage = nullptr;
        return made;
    }

private:
    void destroy() noexcept override {
        allocator a(std::move(allocator_));
        auto const storage = std::pointer_traits<typename traits::pointer>::pointer_to(*this);
        this->~allocated_state();
        traits::deallocate(a, storage, 1);
    }
    allocator allocator_;
};

// The members of a promise except set_value.
template <class R>
class promise_base {
public:
    promise_base() : state_(new result_state<R>) {}
    template <class Allocator>
    promise_base(std::allocator_arg_t, Allocator const& from)
        : state_(allocated_state<result_state<R>, Allocator>::make(from)) {}
    promise_base(promise_base&&) noexcept = default;
    promise_base& operator=(promise_base&& other) noexcept {
        promise_base(std::move(other)).swap(*this);
        return *this;
    }
    ~promise_base() {
        if (state_)
            state_->abandon();
    }
    void swap(promise_base& other) noexcept { std::swap(state_, other.state_); }

    // Returns the future. Throws future_error(future_already_retrieved) the second time.
    [[nodiscard]] future<R> get_future() {
        state_->retain_for_future();
        return future_access::make<R>(state_.get());
    }

    // Like set_value. Abort, after a line on stderr, if `error` is null: std::make_exception_ptr
    // returns null in code without exceptions and RTTI.
    void set_exception(std::exception_ptr error) { state_->set_exception(std::move(error)); }
    void set_exception_at_thread_exit(std::exception_ptr error) {
        state_->set_exception_at_exit(std::move(error));
    }

protected:
    state_pointer<result_state<R>> state_;
};

} // namespace detail

// promise is std::promise: it sets the result of a future, once. A second set throws
// future_error(promise_already_satisfied); a moved-from promise throws future_error(no_state). A
// promise that is destroyed without a result sets future_error(broken_promise). The members
// …_at_thread_exit store the result at once; it becomes ready when the calling fiber or OS thread
// ends, after its fiber::local variables have been destroyed. The promise may be destroyed once the
// future is ready.
template <class R>
class promise : public detail::promise_base<R> {
public:
    using detail::promise_base<R>::promise_base;
    void set_value(R const& value) { this->state_->set_value(value); }
    void set_value(R&& value) { this->state_->set_value(std::move(value)); }
    void set_value_at_thread_exit(R const& value) { this->state_->set_value_at_exit(value); }
    void set_value_at_thread_exit(R&& value) { this->state_->set_value_at_exit(std::move(value)); }
};

template <class R>
class promise<R&> : public detail::promise_base<R&> {
public:
    using detail::promise_base<R&>::promise_base;
    void set_value(R& value) { this->state_->set_value(value); }
    void set_value_at_thread_exit(R& value) { this->state_->set_value_at_exit(value); }
};

template <>
class promise<void> : public detail::promise_base<void> {
public:
    using detail::promise_base<void>::promise_base;
    void set_value() { state_->set_value(); }
    void set_value_at_thread_exit() { state_->set_value_at_exit(); }
};

template <class R>
void swap(promise<R>& a, promise<R>& b) noexcept {
    a.swap(b);
}

} // namespace fiber

template <class R, class Allocator>
struct std::uses_allocator<fiber::promise<R>, Allocator> : std::true_type {};
