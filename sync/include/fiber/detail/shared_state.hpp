// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// shared_state.hpp: the state that a future shares with its promise, task or fiber: a result that
// is set once.
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

// The part of the state that does not depend on the value's type. Reference-counted, and made with
// one reference.
class FIBER_API shared_state {
public:
    shared_state() noexcept = default;
    shared_state(shared_state const&) = delete;
    shared_state& operator=(shared_state const&) = delete;

    void retain() noexcept {
        word_.fetch_add(reference, std::memory_order_relaxed); // relaxed: the caller has a reference
    }
    // Drops a reference. The last release() of an async state joins the fiber.
    void release() noexcept {
        // [future.owner] A last owner sees by a load that it is alone, and skips the RMW. acquire:
        // the accesses of all earlier owners come before the destruction.
        if (word_.load(std::memory_order_acquire) < 2 * reference ||
            word_.fetch_sub(reference, std::memory_order_acq_rel) < 2 * reference) // [future.owner]
            destroy();
    }
    // Retains the state for its future. Throws future_already_retrieved the second time.
    void retain_for_future();

    [[nodiscard]] bool is_ready() const noexcept { return ready_.is_zero(); }
    // Returns ready, deferred, or timeout if the state is neither. Never blocks.
    [[nodiscard]] std::future_status status() const noexcept {
        if (is_ready())
            return std::future_status::ready;
        // relaxed: a hint
        return deferred_.load(std::memory_order_relaxed) ? std::future_status::deferred
                                                         : std::future_status::timeout;
    }
    // Runs a deferred function in the caller, or blocks until the result is ready.
    void wait() {
        if (!is_ready())
            wait_slow();
    }
    [[nodiscard]] std::future_status wait_before(deadline until) noexcept;

    // The right to set the result. The constructor throws promise_already_satisfied if it is taken;
    // the destructor gives an unused right back.
    class setting {
    public:
        explicit setting(shared_state& state) : state_(&state) {
            // acquire: the accesses of an agent that has given the right back come before ours
            if (state.set_.exchange(true, std::memory_order_acquire)) // [future.set]
                throw_future_error(std::future_errc::promise_already_satisfied);
        }
        setting(setting const&) = delete;
        setting& operator=(setting const&) = delete;
        ~setting() {
            if (state_ != nullptr)
                state_->set_.store(false, std::memory_order_release); // [future.set]
        }
        // Makes the stored result ready. The state may be destroyed here.
        void done() noexcept { std::exchange(state_, nullptr)->make_ready(); }
        // Makes the stored result ready when the caller ends. May throw std::bad_alloc at once.
        void done_at_exit();

    private:
        shared_state* state_;
    };
    // Abort if `error` is null: the future would have neither a value nor an exception.
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
    // Sets broken_promise if the result is not set and another reference exists. Called when a
    // promise or task is destroyed.
    void abandon() noexcept;

    void rethrow_error() const {
        if (error_ != nullptr)
            std::rethrow_exception(error_);
    }

protected:
    virtual ~shared_state();
    virtual void destroy() noexcept { delete this; }
    // Runs the function of a deferred state and sets the result.
    virtual void run_deferred() noexcept {}

    void defer() noexcept {
        deferred_.store(true, std::memory_order_relaxed); // relaxed: the state is not shared yet
    }
    void make_ready() noexcept { static_cast<void>(ready_.add(-1)); } // *this may be destroyed here
    // Makes the result ready after the calling fiber, which is about to end, has destroyed its
    // fiber::local variables.
    void make_ready_at_end() noexcept;

    std::exception_ptr error_; // like the value: written by the agent with the right to set it, before ready_

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
    std::atomic<bool> deferred_{false}; // true until a waiter begins to run the deferred function
};

// A state with a value of type R; R may be void or a reference.
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

    // Blocks until the result is ready. Returns the value, or throws the exception.
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

// An owner of one reference to a state.
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
    // Returns the state. Throws no_state if there is none.
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
