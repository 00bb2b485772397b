// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// context_node.cpp: cancels a tree of contexts, and destroys a node.
#include "chan/context_node.hpp"

#include "chan/own_fiber.hpp"
#include "runtime/park.hpp"

#include <fiber/go.hpp>

#include <mutex>
#include <system_error>
#include <utility>

namespace fiber::detail {

context_node::context_node(channel* done, context_node* parent, deadline earliest,
                           std::unique_ptr<context_value> value, cancellation when) noexcept
    : alarm(done), channel_(done), parent_(parent), deadline_(earliest), cancellation_(when),
      value_(std::move(value)) {
    if (parent_ != nullptr)
        channel::retain(parent_->channel_);
}

void context_node::link_to_parent() noexcept {
    if (cancelling_parent() == nullptr)
        return;
    {
        std::lock_guard const hold(parent_->lock_);
        // relaxed: under the parent's lock
        if (parent_->error_.load(std::memory_order_relaxed) == cancel_reason::none) {
            next_ = parent_->first_child_;
            if (next_ != nullptr)
                next_->prev_ = this;
            parent_->first_child_ = this;
            linked_ = true;
            return;
        }
    }
    cancel(parent_->why(), parent_->cause());
}

void context_node::unlink_locked(context_node& child) noexcept {
    (child.prev_ != nullptr ? child.prev_->next_ : first_child_) = child.next_;
    if (child.next_ != nullptr)
        child.next_->prev_ = child.prev_;
    child.linked_ = false;
}

void context_node::unlink_from_parent() noexcept {
    if (cancelling_parent() == nullptr)
        return;
    std::lock_guard const hold(parent_->lock_);
    if (linked_)
        parent_->unlink_locked(*this);
}

// ── the first pass ──

// Takes a child out of the list, and returns it with a reference. Returns null if no child is left. The node
// must be cancelled.
context_node* context_node::pop_child() noexcept {
    std::lock_guard const hold(lock_);
    while (context_node* const child = first_child_) {
        unlink_locked(*child);
        if (channel::retain_unless_zero(child->channel_))
            return child;
    }
    return nullptr;
}

// Sets the error and closes done(). Returns false if another agent has cancelled the node, or is doing so.
bool context_node::cancel_one(cancel_reason because, std::exception_ptr const& cause,
                              deferred_work& later) noexcept {
    bool kept;
    {
        std::lock_guard const hold(lock_);
        if (error_.load(std::memory_order_relaxed) != cancel_reason::none) // relaxed: under the lock
            return false;
        cancelled_in_ = rt::process_stamp();
        cause_ = cause;
        error_.store(because, std::memory_order_release); // [context.cancel]
        later.hooks.append(hooks_);
        kept = std::exchange(self_retained_, false);
    }
    disarm();
    channel::close(channel_);
    if (kept)
        channel::release(channel_); // not the last reference: the caller has one
    return true;
}

// Runs the first pass. When it returns, the node is fully cancelled. Returns true if this call has cancelled
// it: the caller must run the second pass.
bool context_node::cancel_all(cancel_reason because, std::exception_ptr const& cause, deferred_work& later,
                              pin stay) noexcept {
    if (!cancel_one(because, cause, later)) {
        await_fully_cancelled(stay);
        return false;
    }
    for (context_node* at = this;;) {
        if (context_node* const child = at->pop_child()) {
            if (child->cancel_one(because, cause, later)) {
                child->return_to_ = at;
                at = child;
            } else {
                child->await_fully_cancelled(stay);
                child->release_or_defer(later);
            }
            continue;
        }
        at->mark_fully_cancelled();
        if (at == this)
            break;
        context_node* const done = std::exchange(at, at->return_to_);
        done->release_or_defer(later); // *done may be destroyed here
    }
    unlink_from_parent(); // the nodes below are out of their lists already
    return true;
}

// [context.fully_cancelled] Blocks until the node is fully cancelled. It mostly is already.
void context_node::await_fully_cancelled(pin stay) noexcept {
    if (fully_cancelled_.load(std::memory_order_acquire)) // [context.fully_cancelled]
        return;
    if (stay != nullptr && running_in_fiber() && !stay->has_value()) {
        try {
            stay->emplace();
        } catch (std::system_error const&) {
            // No OS thread could be had for the other fibers: the caller may wake on another thread.
        }
    }
    lock_.lock();
    // [fork] The agent that was cancelling the node exists only in the parent: it will not finish here.
    // relaxed: under the lock
    if (fully_cancelled_.load(std::memory_order_relaxed) || cancelled_in_.is_from_parent()) {
        lock_.unlock();
        return;
    }
    rt::waiter w({&rt::self()});
    rt::wait_queue(waiting_).push_back(w);
    rt::park(rt::wait_reason::once, this, [this]() noexcept { lock_.unlock(); });
}

void context_node::mark_fully_cancelled() noexcept {
    {
        std::lock_guard const hold(lock_);
        fully_cancelled_.store(true, std::memory_order_release); // [context.fully_cancelled]
    }
    rt::unpark_batch all;
    while (rt::waiter* const w = rt::wait_queue(waiting_).pop_front()) // no agent enters the queue any more
        all.add(w->key);
}

// [context.after] Releases a reference now, or in the second pass if it is the last one: the last release
// runs destructors of values.
void context_node::release_or_defer(deferred_work& later) noexcept {
    if (channel::release_unless_last(channel_))
        return;
    next_unreleased_ = later.unreleased;
    later.unreleased = this;
}

// ── the second pass ──

void context_node::run_deferred(deferred_work& later) noexcept {
    later.hooks.call_all();
    while (context_node* const n = later.unreleased) {
        later.unreleased = n->next_unreleased_;
        channel::release(n->channel_);
    }
}

void context_node::cancel(cancel_reason because, std::exception_ptr cause) noexcept {
    deferred_work later;
    {
        std::optional<thread_pin> stay;
        if (!cancel_all(because, cause, later, &stay))
            return;
    }
    run_deferred(later);
}

void context_node::fire(deadline) noexcept {
    if (!cancel_all(cancel_reason::timed_out, nullptr, deferred_, nullptr) ||
        (deferred_.hooks.empty() && deferred_.unreleased == nullptr))
        return;
    channel::retain(channel_); // the reference of the new fiber
    call_in_own_fiber(
        [](void* node) {
            auto& n = *static_cast<context_node*>(node);
            run_deferred(n.deferred_);
            channel::release(n.channel_);
        },
        this);
}

void const* context_node::find(context_key const& key) const noexcept {
    for (context_node const* n = this; n != nullptr; n = n->parent_)
        if (n->value_ != nullptr && n->value_->key.matches(key))
            return n->value_->at;
    return nullptr;
}

void context_node::link_stop_token(std::stop_token token) {
    stop_link_.emplace(std::move(token), on_stop{*this});
}

void context_node::on_stop::operator()() const noexcept {
    channel* const owner = node.channel_;
    if (!channel::retain_unless_zero(owner))
        return; // on_last_release() is about to remove this callback
    node.cancel(cancel_reason::cancelled);
    channel::release(owner);
}

// Destroys the node. Returns the channel of its parent: the caller releases it next, and so on up the chain.
channel* context_node::on_last_release() noexcept {
    stop_link_.reset(); // waits for a callback on another thread, briefly: its retain_unless_zero() fails
    disarm();
    unlink_from_parent();
    move_hooks_to_parent();
    channel* const parent = parent_ != nullptr ? parent_->channel_ : nullptr;
    delete this;
    return parent;
}

} // namespace fiber::detail
