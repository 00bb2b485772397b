// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// context_hooks.cpp: the hooks of a context, called after its cancel: stop requests and functions of
// after_func.
#include "chan/context_node.hpp"

#include "chan/own_fiber.hpp"

#include <memory>
#include <mutex>
#include <stop_token>
#include <utility>

namespace fiber::detail {

context_func::~context_func() = default;

struct context_node::stop_hook final : cancel_hook {
    explicit stop_hook(stop_source const& s) noexcept : stops(s) {}
    void call() noexcept override {
        stops.request_stop();
        delete this;
    }
    void drop() noexcept override { delete this; }

    stop_source stops;
};

// Returns true if the deadline of the node is earlier than the deadlines of its ancestors.
bool context_node::has_own_deadline() const noexcept {
    return deadline_ != never &&
           (cancelling_parent() == nullptr || deadline_ < cancelling_parent()->deadline_);
}

void context_node::add_hooks_locked(hook_list& added) noexcept {
    hooks_.append(added);
    if (!self_retained_ && has_own_deadline()) { // no ancestor could call the hooks at that time
        self_retained_ = true;
        channel::retain(channel_);
    }
}

// Moves the hooks to the parent when the node is destroyed without a cancel. The parent is alive, and its
// cancel calls them.
void context_node::move_hooks_to_parent() noexcept {
    if (hooks_.empty())
        return;
    context_node* const to = cancelling_parent();
    if (to == nullptr)
        return hooks_.drop_all();
    {
        std::lock_guard const hold(to->lock_);
        if (to->error_.load(std::memory_order_relaxed) == cancel_reason::none) // relaxed: under its lock
            to->add_hooks_locked(hooks_);
    }
    hooks_.call_all(); // not empty if the parent has been cancelled
}

bool context_node::add_hook(cancel_hook& h) noexcept {
    std::lock_guard const hold(lock_);
    if (error_.load(std::memory_order_relaxed) != cancel_reason::none) // relaxed: under the lock
        return false;
    hook_list one;
    one.push_back(h);
    add_hooks_locked(one);
    return true;
}

// Removes a hook. The caller is a registration, which keeps the node. Therefore the hook is still in the
// node's list unless the node is cancelled.
bool context_node::unregister(after_func_hook& h) noexcept {
    std::shared_ptr<after_func_hook> taken;
    bool let_go = false;
    {
        std::lock_guard const hold(lock_);
        if (error_.load(std::memory_order_relaxed) != cancel_reason::none) // relaxed: under the lock
            return false;
        taken = h.unlisted();
        if (taken == nullptr)
            return false;
        hooks_.remove(h);
        if (hooks_.empty())
            let_go = std::exchange(self_retained_, false);
    }
    taken->forget_function();
    if (let_go)
        channel::release(channel_); // not the last reference: the registration has one
    return true;
}

void after_func_hook::call() noexcept {
    call_in_own_fiber(
        [](void* hook) {
            auto const self = std::move(static_cast<after_func_hook*>(hook)->self_);
            self->f_->run();
            self->forget_function();
        },
        this);
}

std::stop_token context_node::stop_token() {
    std::unique_lock hold(lock_);
    if (!stops_.stop_possible()) {
        hold.unlock();
        stop_source fresh; // allocates, as new does below: not under the lock
        hook_list fresh_hook;
        fresh_hook.push_back(*new stop_hook(fresh));
        hold.lock();
        if (!stops_.stop_possible()) {
            stops_ = std::move(fresh);
            if (error_.load(std::memory_order_relaxed) == cancel_reason::none) // relaxed: under the lock
                add_hooks_locked(fresh_hook);
        }
        if (!fresh_hook.empty()) {
            hold.unlock();
            fresh_hook.drop_all();
            hold.lock();
        }
    }
    auto const stops = stops_;
    // relaxed: under the lock
    bool const late = error_.load(std::memory_order_relaxed) != cancel_reason::none;
    hold.unlock();
    if (late)
        stops.request_stop();
    return stops.get_token();
}

} // namespace fiber::detail
