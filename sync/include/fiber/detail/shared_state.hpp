// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// shared_state.hpp: what a future and its promise, task or fiber have in common: a result that is set once.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/countdown.hpp>
#include <fiber/detail/deadline.hpp>
#include <fiber/detail/try_catch.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <future> // future_error, future_status, launch
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant> // monostate

namespace fiber::detail {

[[noreturn]] FIBER_API void throw_future_error(std::future_errc);

// All but the value. Counted references; made with one.
class FIBER_API shared_state {
public:
    shared_state() noexcept = default;
    shared_state(shared_state const&) = delete;
    shared_state& operator=(shared_state const&) = delete;

    void retain() noexcept {
        word_.fetch_add(reference, std::memory_order_relaxed);
    } // relaxed: the caller has one
    // Waits for the fiber, if it is an async's, and this was the last.
    void release() noexcept {
        // [future.owner] The only owner need not tell the others. acquire: what they did is done.
        if (word_.load(std::memory_order_acquire) < 2 * reference ||
            word_.fetch_sub(reference, std::memory_order_acq_rel) < 2 * reference) // [future.owner]
            destroy();
    }
    // Retains, for the one future. Throws future_already_retrieved.
    void retain_for_future();

    [[nodiscard]] bool is_ready() const noexcept { return ready_.is_zero(); }
    // ready, deferred, or timeout if it is neither. Never waits.
    [[nodiscard]] std::future_status status() const noexcept {
        if (is_ready())
            return std::future_status::ready;
        // relaxed: a hint
        return deferred_.load(std::memory_order_relaxed) ? std::future_status::deferred
                                                         : std::future_status::timeout;
    }
    // Runs a deferred function here, or waits.
    void wait() {
        if (!is_ready())
            wait_slow();
    }
    [[nodiscard]] std::future_status wait_before(deadline until) noexcept;

    // The right to set the result, which is given back unless it has been used. Throws promise_already_satisfied.
    class setting {
    public:
        explicit setting(shared_state& state) : state_(&state) {
            // acquire: what one did who had the right and gave it back
            if (state.set_.exchange(true, std::memory_order_acquire)) // [future.set]
                throw_future_error(std::future_errc::promise_already_satisfied);
        }
        setting(setting const&) = delete;
        setting& operator=(setting const&) = delete;
        ~setting() {
            if (state_ != nullptr)
                state_->set_.store(false, std::memory_order_release); // [future.set]
        }
        // The result is in place. Afterwards the state may be gone.
        void done() noexcept { std::exchange(state_, nullptr)->make_ready(); }
        // The result is in place, and becomes ready when the caller ends. May throw std::bad_alloc before that.
        void done_at_exit();

    private:
        shared_state* state_;
    };
    // Abort if there is no exception: a future would have neither that nor a value.
    void set_exception(std::exception_ptr error) {
        setting mine(*this);
        require(error);
        error_ = std::move(error);
        mine.done();
    }
    void set_exception_at_exit(std::exception_ptr error) {
        setting mine(*this);
        require(error);
        error_ = std::move(error);
        mine.done_at_exit();
    }
    // By a promise or task that goes: if nobody has set the result, and somebody may ask for it: broken_promise.
    void abandon() noexcept;

    void rethrow_error() const {
        if (error_ != nullptr)
            std::rethrow_exception(error_);
    }

protected:
    virtual ~shared_state();
    virtual void destroy() noexcept { delete this; }
    // By a state whose function has been deferred: sets the result.
    virtual void run_deferred() noexcept {}

    void defer() noexcept {
        deferred_.store(true, std::memory_order_relaxed);
    }                                                                 // relaxed: before it is shared
    void make_ready() noexcept { static_cast<void>(ready_.add(-1)); } // *this may be gone
    // make_ready, once a fiber that ends now has destroyed its fiber::local variables.
    void make_ready_at_end() noexcept;

    std::exception_ptr error_; // as the value: written by the one who sets it, before ready_

private:
    using word = std::uint32_t;
    static constexpr word retrieved = 1, reference = 2;

    void wait_slow();
    void require(std::exception_ptr const& error) const noexcept {
        if (error == nullptr) [[unlikely]]
            report_null_exception();
    }
    [[noreturn]] void report_null_exception() const noexcept;

    countdown ready_{1};
    std::atomic<word> word_{reference};
    std::atomic<bool> set_{false};
    std::atomic<bool> deferred_{false}; // until somebody begins to run the function
};

// With a value of type R, which may be void or a reference.
template <class R>
class result_state : public shared_state {
public:
    using stored =
        std::conditional_t<std::is_void_v<R>, std::monostate,
                           std::conditional_t<std::is_reference_v<R>, std::remove_reference_t<R>*, R>>;

    template <class... Value>
    void set_value(Value&&... value) {
        setting mine(*this);
        emplace(std::forward<Value>(value)...);
        mine.done();
    }
    template <class... Value>
    void set_value_at_exit(Value&&... value) {
        setting mine(*this);
        emplace(std::forward<Value>(value)...);
        mine.done_at_exit();
    }

    // Waits. The value, or its exception.
    [[nodiscard]] stored& get() {
        this->wait();
        this->rethrow_error();
        return value_.operator*();
    }

    // Stores what f(args...) returns or throws.
    template <class F, class... Args>
    void store_result(F&& f, Args&&... args) noexcept {
        auto const body = [&] {
            if constexpr (std::is_void_v<R>) {
                static_cast<void>(std::invoke(std::forward<F>(f), std::forward<Args>(args)...));
                emplace();
            } else {
                emplace(std::invoke(std::forward<F>(f), std::forward<Args>(args)...));
            }
        };
        detail::try_catch(body, [&](std::exception_ptr error) { this->error_ = std::move(error); });
    }

private:
    template <class... Value>
    void emplace(Value&&... value) {
        if constexpr (std::is_reference_v<R>)
            value_.emplace(std::addressof(value)...);
        else
            value_.emplace(std::forward<Value>(value)...);
    }
    std::optional<stored> value_;
};

// One reference.
template <class State>
class state_pointer {
public:
    state_pointer() noexcept = default;
    explicit state_pointer(State* owned) noexcept : state_(owned) {}
    state_pointer(state_pointer const& other) noexcept : state_(other.state_) {
        if (state_ != nullptr)
            state_->retain();
    }
    state_pointer(state_pointer&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    template <class Derived>
    state_pointer(state_pointer<Derived>&& other) noexcept : state_(other.detach()) {}
    state_pointer& operator=(state_pointer other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    ~state_pointer() {
        if (state_ != nullptr)
            state_->release();
    }
    [[nodiscard]] State* detach() noexcept { return std::exchange(state_, nullptr); }
    explicit operator bool() const noexcept { return state_ != nullptr; }
    // Throws no_state if there is none.
    [[nodiscard]] State& get() const {
        if (state_ == nullptr)
            throw_future_error(std::future_errc::no_state);
        return *state_;
    }
    [[nodiscard]] State* operator->() const { return std::addressof(get()); }

private:
    State* state_ = nullptr;
};

} // namespace fiber::detail
