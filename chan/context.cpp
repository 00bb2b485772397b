// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// context.cpp: a tree of nodes, each the companion of its done() channel, whose reference count is the node's.
//   a node holds   a reference to its parent
//   a parent has   a list of its children, without references: a child whose last handle goes leaves the list.
//                  Who takes one out of it to cancel it gets a reference first, if there still is one
//
// [context.cancel] Whoever sets the error of a node, once, under its lock, does the rest. After that nobody adds a
//   child to it, so its list only becomes shorter, and is taken child by child: no lock is held for longer than that,
//   and the nodes on the way down are linked by themselves.
// Nothing here parks but users' stop callbacks, for which the stop is requested by a stop_source of ours.
#include <fiber/context.hpp>
#include <fiber/stop_token.hpp>

#include "chan/alarm.hpp"
#include "runtime/base/spinlock.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>

namespace fiber::detail {

context_value::~context_value() = default;

namespace {

enum class reason : unsigned char { none, cancelled, timed_out };

class context_node final : public channel_companion, public alarm {
public:
    context_node(channel* done, context_node* parent, deadline earliest,
                 std::unique_ptr<context_value> value) noexcept
        : alarm(done), channel_(done), parent_(parent), deadline_(earliest), value_(std::move(value)) {
        if (parent_ != nullptr)
            channel::retain(parent_->channel_);
    }

    static context_node* of(channel_ptr const& node) noexcept {
        return node.get() != nullptr ? static_cast<context_node*>(node.get()->companion()) : nullptr;
    }

    // Once, when it has been made.
    void join_parent() noexcept;
    void follow(std::stop_token);

    // The caller has a reference.
    void cancel(reason) noexcept;
    [[nodiscard]] reason why() const noexcept {
        return error_.load(std::memory_order_acquire);
    } // [context.cancel]
    [[nodiscard]] std::stop_token stop_token();
    [[nodiscard]] deadline earliest() const noexcept { return deadline_; }
    [[nodiscard]] void const* find(void const* key) const noexcept;

    channel* gone() noexcept override;

private:
    struct on_stop {
        context_node& node;
        void operator()() const noexcept;
    };
    using node_lock = rt::spinlock<rt::lock_rank::wait_queue>;

    void ring(deadline) noexcept override { cancel(reason::timed_out); }
    [[nodiscard]] bool cancel_alone(reason) noexcept;
    [[nodiscard]] context_node* take_child() noexcept;
    void unlink_locked(context_node& child) noexcept;
    void leave_parent() noexcept;

    channel* const channel_;
    context_node* const parent_; // with a reference; null: below the background
    deadline const deadline_;
    std::unique_ptr<context_value> const value_;
    std::optional<std::stop_callback<on_stop>> follows_;

    node_lock lock_;                          // guards the next four
    std::atomic<reason> error_{reason::none}; // also read without
    stop_source stops_{std::nostopstate};     // made when first asked for
    context_node* first_child_ = nullptr;
    bool kept_ = false; // it has a reference to itself, until it is cancelled

    bool linked_ = false; // to the parent, whose lock guards this and the next two
    context_node* next_ = nullptr;
    context_node* prev_ = nullptr;
    context_node* above_ = nullptr; // on the way of the one who cancels it
};

void context_node::join_parent() noexcept {
    if (parent_ == nullptr)
        return;
    {
        std::lock_guard const hold(parent_->lock_);
        if (parent_->error_.load(std::memory_order_relaxed) == reason::none) { // under its lock
            next_ = parent_->first_child_;
            if (next_ != nullptr)
                next_->prev_ = this;
            parent_->first_child_ = this;
            linked_ = true;
            return;
        }
    }
    cancel(parent_->why());
}

void context_node::unlink_locked(context_node& child) noexcept {
    (child.prev_ != nullptr ? child.prev_->next_ : first_child_) = child.next_;
    if (child.next_ != nullptr)
        child.next_->prev_ = child.prev_;
    child.linked_ = false;
}

void context_node::leave_parent() noexcept {
    if (parent_ == nullptr)
        return;
    std::lock_guard const hold(parent_->lock_);
    if (linked_)
        parent_->unlink_locked(*this);
}

// The next child, with a reference; null: there is none left. The node is cancelled.
context_node* context_node::take_child() noexcept {
    std::lock_guard const hold(lock_);
    while (context_node* const child = first_child_) {
        unlink_locked(*child);
        if (channel::retain_unless_gone(child->channel_))
            return child;
    }
    return nullptr;
}

// False: it was cancelled before.
bool context_node::cancel_alone(reason because) noexcept {
    stop_source stops{std::nostopstate};
    bool kept;
    {
        std::lock_guard const hold(lock_);
        if (error_.load(std::memory_order_relaxed) != reason::none) // under the lock
            return false;
        error_.store(because, std::memory_order_release); // [context.cancel]
        stops = stops_;
        kept = kept_;
    }
    disarm();
    channel::close(channel_);
    stops.request_stop();
    if (kept)
        channel::release(channel_); // not the last: the caller has one
    return true;
}

void context_node::cancel(reason because) noexcept {
    if (!cancel_alone(because))
        return;
    leave_parent();
    for (context_node* at = this; at != nullptr;) {
        if (context_node* const child = at->take_child()) {
            if (child->cancel_alone(because)) {
                child->above_ = at;
                at = child;
            } else {
                channel::release(child->channel_);
            }
            continue;
        }
        context_node* const done = at;
        at = done != this ? done->above_ : nullptr;
        if (done != this)
            channel::release(done->channel_); // *done may be gone
    }
}

std::stop_token context_node::stop_token() {
    std::unique_lock hold(lock_);
    if (!stops_.stop_possible()) {
        hold.unlock();
        stop_source fresh; // allocates
        hold.lock();
        if (!stops_.stop_possible())
            stops_ = std::move(fresh);
    }
    auto const stops = stops_;
    bool const late = error_.load(std::memory_order_relaxed) != reason::none; // under the lock
    bool const has_own_deadline = parent_ == nullptr || deadline_ < parent_->deadline_;
    if (!late && !kept_ && deadline_ != never && has_own_deadline) {
        kept_ = true;
        channel::retain(channel_);
    }
    hold.unlock();
    if (late)
        stops.request_stop();
    return stops.get_token();
}

void const* context_node::find(void const* key) const noexcept {
    for (context_node const* n = this; n != nullptr; n = n->parent_)
        if (n->value_ != nullptr && n->value_->key == key)
            return n->value_->at;
    return nullptr;
}

void context_node::follow(std::stop_token token) { follows_.emplace(std::move(token), on_stop{*this}); }

void context_node::on_stop::operator()() const noexcept {
    channel* const whose = node.channel_;
    if (!channel::retain_unless_gone(whose))
        return; // it is about to take this callback back
    node.cancel(reason::cancelled);
    channel::release(whose);
}

// Of its parent's: released by the caller, after this node, and so on up the chain.
channel* context_node::gone() noexcept {
    follows_.reset(); // waits for a callback that runs elsewhere: a moment, for it does not park
    disarm();
    leave_parent();
    channel* const parent = parent_ != nullptr ? parent_->channel_ : nullptr;
    delete this;
    return parent;
}

} // namespace
} // namespace fiber::detail

namespace fiber {

context context::derive(context const& parent, detail::deadline when,
                        std::unique_ptr<detail::context_value> value) {
    auto* const above = detail::context_node::of(parent.node_);
    auto const inherited = above != nullptr ? above->earliest() : detail::never;
    context made(detail::make_channel<bool>(0));
    detail::channel* const done = made.node_.get();
    auto* const node = new detail::context_node(done, above, std::min(when, inherited), std::move(value));
    done->accompany(*node);
    node->join_parent();
    if (when < inherited) {
        if (when <= std::chrono::steady_clock::now())
            node->cancel(detail::reason::timed_out);
        else
            node->arm(when);
        if (made.cancelled())
            node->disarm(); // by an ancestor, perhaps before it was armed
    }
    return made;
}

context context::with_stop_token(context parent, std::stop_token token) {
    auto made = derive(parent, detail::never, nullptr);
    detail::context_node::of(made.node_)->follow(std::move(token));
    return made;
}

void const* context::find(void const* key) const noexcept {
    auto const* const node = detail::context_node::of(node_);
    return node != nullptr ? node->find(key) : nullptr;
}

void context::cancel() const noexcept {
    if (auto* const node = detail::context_node::of(node_))
        node->cancel(detail::reason::cancelled);
}

bool context::cancelled() const noexcept {
    auto const* const node = detail::context_node::of(node_);
    return node != nullptr && node->why() != detail::reason::none;
}

std::error_code context::error() const noexcept {
    auto const* const node = detail::context_node::of(node_);
    switch (node != nullptr ? node->why() : detail::reason::none) {
    case detail::reason::none:
        break;
    case detail::reason::cancelled:
        return std::make_error_code(std::errc::operation_canceled);
    case detail::reason::timed_out:
        return std::make_error_code(std::errc::timed_out);
    }
    return {};
}

receiver<bool> context::done() const noexcept { return detail::access::make<receiver<bool>>(node_); }

std::stop_token context::stop_token() const {
    auto* const node = detail::context_node::of(node_);
    return node != nullptr ? node->stop_token() : std::stop_token();
}

std::optional<context::time_point> context::deadline() const noexcept {
    auto const* const node = detail::context_node::of(node_);
    if (node == nullptr || node->earliest() == detail::never)
        return std::nullopt;
    return node->earliest();
}

} // namespace fiber
