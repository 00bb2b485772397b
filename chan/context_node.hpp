// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// context_node.hpp: the node of one context. It is the attachment of its done() channel, and has that
// channel's reference count.
//   a node holds   a reference to its parent
//   a parent has   a list of its children, without references. A child leaves the list when its last handle
//                  is released. An agent that takes a child out of the list to cancel it takes a reference
//                  first, unless the count is zero
//
// [context.cancel] A cancel has two passes. The first pass runs no user code. One agent sets the error of a
//   node, once, under the node's lock. The same agent does the rest: it closes done(), and cancels all nodes
//   below. After the error is set no child is added, so the list of children only becomes shorter. The agent
//   takes one child at a time out of it, and holds no lock for longer. The nodes on the path down are linked
//   through return_to_.
// [context.fully_cancelled] A node is fully cancelled when its error is set, its done() is closed, and all
//   nodes below it are fully cancelled. Then it leaves its parent's list, unless the agent that cancels the
//   parent has taken it out before. An agent that meets a node that another agent cancels waits until the
//   node is fully cancelled. No cycle of waits exists, because an agent waits only for nodes below its own.
//   No wait depends on user code.
// [context.after] The second pass begins when the node at the top is fully cancelled. It runs user code:
//   hooks (stop callbacks, after_func), and the destructors of values that became unused. If the cancel
//   runs on the clock's fiber, which other alarms need, another fiber runs the second pass.
#pragma once

#include "chan/alarm.hpp"
#include "chan/cancel_hook.hpp"
#include "runtime/base/lock/spinlock.hpp"
#include "runtime/base/process/process_stamp.hpp"

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

// A function of after_func. The list that it is in and its registrations share it.
class after_func_hook final : public cancel_hook {
public:
    explicit after_func_hook(std::unique_ptr<context_func> f) noexcept : f_(std::move(f)) {}

    // Returns the hook for a list. The hook keeps itself while it is in the list.
    [[nodiscard]] cancel_hook& listed(std::shared_ptr<after_func_hook> self) noexcept {
        self_ = std::move(self);
        return *this;
    }
    // Returns the hook's reference to itself when it is taken out of the list. Returns null if it is in no
    // list any more. Requires the lock of its context.
    [[nodiscard]] std::shared_ptr<after_func_hook> unlisted() noexcept { return std::move(self_); }

    void call() noexcept override;
    void drop() noexcept override { self_.reset(); }
    // Returns true for the first caller. For a hook that was never in a list.
    [[nodiscard]] bool claim_unlisted() noexcept { return !taken_.exchange(true, std::memory_order_relaxed); }
    void forget_function() noexcept { f_.reset(); }

private:
    std::unique_ptr<context_func> f_;
    std::shared_ptr<after_func_hook> self_; // set while the hook is in a list, or is called
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

    // Each is called at most once, right after the node has been made.
    void link_to_parent() noexcept;
    void link_stop_token(std::stop_token);

    // Runs both passes, in the caller, which has a reference. Waits if another agent cancels the node:
    // [context.fully_cancelled].
    void cancel(cancel_reason, std::exception_ptr cause = nullptr) noexcept;
    [[nodiscard]] bool can_be_cancelled() const noexcept { return cancellation_ != cancellation::none; }
    // Requires a cancelled node. Returns null if the cancel had no cause.
    [[nodiscard]] std::exception_ptr const& cause() const noexcept { return cause_; }
    [[nodiscard]] cancel_reason why() const noexcept {
        return error_.load(std::memory_order_acquire); // [context.cancel]
    }
    [[nodiscard]] std::stop_token stop_token();
    // Returns false if the node is cancelled: the hook is not added.
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

    // The work that the first pass leaves to the second.
    struct deferred_work {
        hook_list hooks;
        context_node* unreleased = nullptr; // a list; each node has a reference, which may be the last
    };
    // A wait inside a stop callback must end on the thread on which it began, see link_stop_token():
    // libstdc++ compares OS threads to recognise a callback that destroys itself. Null if the caller is in no
    // stop callback.
    using pin = std::optional<thread_pin>*;

    void fire(deadline) noexcept override;
    [[nodiscard]] bool cancel_all(cancel_reason, std::exception_ptr const& cause, deferred_work&,
                                  pin) noexcept;
    [[nodiscard]] bool cancel_one(cancel_reason, std::exception_ptr const& cause, deferred_work&) noexcept;
    // Returns the parent if its cancellation also cancels this node, else null.
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
    context_node* const parent_; // with a reference; null if the parent is the background
    deadline const deadline_;
    cancellation const cancellation_;
    std::unique_ptr<context_value> const value_;
    std::optional<std::stop_callback<on_stop>> stop_link_;

    node_lock lock_;           // guards the fields from here to self_retained_
    std::exception_ptr cause_; // constant once the error is set: [context.cancel]
    std::atomic<cancel_reason> error_{cancel_reason::none}; // also read without the lock
    std::atomic<bool> fully_cancelled_{false};              // also read without the lock
    rt::process_stamp cancelled_in_;                        // the process that has set the error
    wait_list waiting_;                                     // the agents that wait until fully_cancelled_
    hook_list hooks_;                                       // empty once the error is set
    stop_source stops_{nostopstate};                        // made by the first stop_token()
    context_node* first_child_ = nullptr;
    bool self_retained_ = false; // true while the node has a reference to itself

    // The lock of the parent guards the next three fields.
    bool linked_ = false; // true while the node is in the list of its parent
    context_node* next_ = nullptr;
    context_node* prev_ = nullptr;

    context_node* return_to_ = nullptr;       // used by the agent that cancels the node
    context_node* next_unreleased_ = nullptr; // used by the agent that has the only reference
    deferred_work deferred_;                  // of a cancel by the deadline, for the fiber that does it
};

} // namespace fiber::detail
