// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// context_node.hpp: one context: the attachment of its done() channel, whose reference count is the node's.
//   a node holds   a reference to its parent
//   a parent has   a list of its children, without references: a child whose last handle goes leaves it. Who
//                  takes one out of it to cancel it gets a reference first, if there still is one
//
// [context.cancel] A cancel has two passes. The first runs no user code. The party that sets the error of a node,
//   once, under its lock, does the rest: closes done(), and cancels all below. After that nobody adds a child
//   to the node, so its list only becomes shorter, and is taken child by child: no lock is held for longer
//   than that, and the nodes on the way down are linked by themselves.
// [context.fully_cancelled] A node is fully cancelled when its error is set, its done() closed, and all below it are fully cancelled.
//   It leaves its parent's list then, and not before, unless it is taken out. A party that meets a node that
//   another party cancels waits until it is fully cancelled: each waits only for nodes below its own, so none waits
//   in a circle, and for no user code.
// [context.after] The second pass, when the node at the top is fully cancelled, runs user code: hooks (stop
//   callbacks, after_func), and the destructors of values that went meanwhile. On the clock's fiber, where
//   others' alarms wait, it is left to another fiber.
#pragma once

#include "chan/alarm.hpp"
#include "chan/cancel_hook.hpp"
#include "runtime/base/process_stamp.hpp"
#include "runtime/base/spinlock.hpp"

#include <fiber/context.hpp>
#include <fiber/detail/wait_list.hpp>
#include <fiber/stop_token.hpp>

#include <atomic>
#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

namespace fiber {
class thread_pin;
}

namespace fiber::detail {

enum class cancel_reason : unsigned char { none, cancelled, timed_out };

// A function of after_func. Shared by the list that it is in and by its registrations.
class after_func_hook final : public cancel_hook {
public:
    explicit after_func_hook(std::unique_ptr<context_func> f) noexcept : f_(std::move(f)) {}

    // Into a list: it keeps itself there.
    [[nodiscard]] cancel_hook& listed(std::shared_ptr<after_func_hook> self) noexcept {
        self_ = std::move(self);
        return *this;
    }
    // Out of it, under the lock of its context; null: it is not in it any more.
    [[nodiscard]] std::shared_ptr<after_func_hook> unlisted() noexcept { return std::move(self_); }

    void call() noexcept override;
    void drop() noexcept override { self_.reset(); }
    // True for the first one, if the hook has never been in a list.
    [[nodiscard]] bool claim_unlisted() noexcept { return !taken_.exchange(true, std::memory_order_relaxed); }
    void forget_function() noexcept { f_.reset(); }

private:
    std::unique_ptr<context_func> f_;
    std::shared_ptr<after_func_hook> self_; // while it is in a list, or is called
    std::atomic<bool> taken_{false};        // relaxed: it guards nothing
};

class context_node final : public channel_attachment, public alarm {
public:
    enum class cancellation : bool { none, with_parent };
    context_node(channel* done, context_node* parent, deadline earliest, std::unique_ptr<context_value> value,
                 cancellation) noexcept;

    static context_node* of(channel_ptr const& node) noexcept {
        return node.get() != nullptr ? static_cast<context_node*>(node.get()->attachment()) : nullptr;
    }

    // Once, when it has been made.
    void link_to_parent() noexcept;
    void link_stop_token(std::stop_token);

    // Both passes, in the caller. Waits if another party is at it, see [context.fully_cancelled]. The caller has a
    // reference.
    void cancel(cancel_reason, std::exception_ptr cause = nullptr) noexcept;
    [[nodiscard]] bool can_be_cancelled() const noexcept { return cancellation_ != cancellation::none; }
    // Of a cancelled one. Null: it was given none.
    [[nodiscard]] std::exception_ptr const& cause() const noexcept { return cause_; }
    [[nodiscard]] cancel_reason why() const noexcept {
        return error_.load(std::memory_order_acquire); // [context.cancel]
    }
    [[nodiscard]] std::stop_token stop_token();
    // Returns false if it is cancelled, and does not take the hook.
    [[nodiscard]] bool add_hook(cancel_hook&) noexcept;
    [[nodiscard]] bool unregister(after_func_hook&) noexcept;
    [[nodiscard]] deadline earliest() const noexcept { return deadline_; }
    [[nodiscard]] void const* find(context_key const&) const noexcept;

    channel* on_last_release() noexcept override;

private:
    struct on_stop {
        context_node& node;
        void operator()() const noexcept;
    };
    struct stop_hook;
    using node_lock = rt::spinlock<rt::lock_rank::wait_queue>;

    // What the first pass leaves to the second.
    struct deferred_work {
        hook_list hooks;
        context_node* unreleased = nullptr; // each with a reference, which is perhaps the last
    };
    // A wait while a stop callback may be running must end on the thread where it began, see link_stop_token():
    // libstdc++ tells by its thread who destroys a callback. Null: the caller is in none.
    using pin = std::optional<thread_pin>*;

    void fire(deadline) noexcept override;
    [[nodiscard]] bool cancel_all(cancel_reason, std::exception_ptr const& cause, deferred_work&,
                                  pin) noexcept;
    [[nodiscard]] bool cancel_one(cancel_reason, std::exception_ptr const& cause, deferred_work&) noexcept;
    // Whose cancellation is this one's.
    [[nodiscard]] context_node* cancelling_parent() const noexcept {
        return parent_ != nullptr && can_be_cancelled() && parent_->can_be_cancelled() ? parent_ : nullptr;
    }
    [[nodiscard]] context_node* pop_child() noexcept;
    void mark_fully_cancelled() noexcept;
    void await_fully_cancelled(pin) noexcept;
    void release_or_defer(deferred_work&) noexcept;
    static void run_deferred(deferred_work&) noexcept;

    [[nodiscard]] bool has_own_deadline() const noexcept;
    void add_hooks_locked(hook_list&) noexcept;
    void move_hooks_to_parent() noexcept;
    void unlink_locked(context_node& child) noexcept;
    void unlink_from_parent() noexcept;

    channel* const channel_;
    context_node* const parent_; // with a reference; null: below the background
    deadline const deadline_;
    cancellation const cancellation_;
    std::unique_ptr<context_value> const value_;
    std::optional<std::stop_callback<on_stop>> stop_link_;

    node_lock lock_;           // guards all from here to self_retained_
    std::exception_ptr cause_; // does not change once the error is set: [context.cancel]
    std::atomic<cancel_reason> error_{cancel_reason::none}; // also read without
    std::atomic<bool> fully_cancelled_{false};              // also read without
    rt::process_stamp cancelled_in_;                        // with the error
    wait_list waiting_;                                     // until it is fully cancelled
    hook_list hooks_;                                       // empty, once the error is set
    stop_source stops_{nostopstate};                        // made when first asked for
    context_node* first_child_ = nullptr;
    bool self_retained_ = false; // it has a reference to itself, until it is cancelled

    bool linked_ = false; // to the parent, whose lock guards linked_, next_ and prev_
    context_node* next_ = nullptr;
    context_node* prev_ = nullptr;

    context_node* return_to_ = nullptr;       // on the way of the one who cancels it
    context_node* next_unreleased_ = nullptr; // of the only one who has a reference
    deferred_work deferred_;                  // of a deadline's cancel, in the fiber that carries it out
};

} // namespace fiber::detail
