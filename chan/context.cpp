// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// context.cpp: the handle of a context. context_node.hpp has the tree.
#include <fiber/context.hpp>

#include "chan/context_node.hpp"

#include <algorithm>
#include <exception>
#include <memory>
#include <utility>

namespace fiber::detail {
context_value::~context_value() = default;
}

namespace fiber {

context context::derive(context const& parent, detail::deadline when,
                        std::unique_ptr<detail::context_value> value) {
    auto* const parent_node = detail::context_node::of(parent.node_);
    auto const inherited = parent_node != nullptr ? parent_node->earliest() : detail::never;
    context made(detail::make_channel<bool>(0));
    detail::channel* const done = made.node_.get();
    auto* const node =
        new detail::context_node(done, parent_node, std::min(when, inherited), std::move(value),
                                 detail::context_node::cancellation::with_parent);
    done->attach(*node);
    node->link_to_parent();
    if (when < inherited) {
        if (when <= std::chrono::steady_clock::now())
            node->cancel(detail::cancel_reason::timed_out);
        else
            node->arm(when);
        if (made.cancelled())
            node->disarm(); // an ancestor may have cancelled it before it was armed
    }
    return made;
}

context context::with_stop_token(context parent, std::stop_token token) {
    auto made = derive(parent, detail::never, nullptr);
    detail::context_node::of(made.node_)->link_stop_token(std::move(token));
    return made;
}

context context::without_cancel(context parent) {
    auto* const parent_node = detail::context_node::of(parent.node_);
    if (parent_node == nullptr)
        return parent;
    context made(detail::make_channel<bool>(0));
    detail::channel* const done = made.node_.get();
    done->attach(*new detail::context_node(done, parent_node, detail::never, nullptr,
                                           detail::context_node::cancellation::none));
    return made;
}

void const* context::find(detail::context_key const& key) const noexcept {
    auto const* const node = detail::context_node::of(node_);
    return node != nullptr ? node->find(key) : nullptr;
}

void context::cancel() const noexcept { cancel(nullptr); }

void context::cancel(std::exception_ptr cause) const noexcept {
    auto* const node = detail::context_node::of(node_);
    if (node != nullptr && node->can_be_cancelled())
        node->cancel(detail::cancel_reason::cancelled, std::move(cause));
}

std::exception_ptr context::cause() const {
    auto const because = error();
    if (!because)
        return nullptr;
    auto const& given = detail::context_node::of(node_)->cause();
    return given != nullptr ? given : std::make_exception_ptr(std::system_error(because, "fiber::context"));
}

context::registration context::call_after(std::unique_ptr<detail::context_func> f) const {
    auto hook = std::make_shared<detail::after_func_hook>(std::move(f));
    auto* const node = detail::context_node::of(node_);
    if (node == nullptr || !node->can_be_cancelled())
        return {detail::channel_ptr(), std::move(hook)};
    detail::cancel_hook& listed = hook->listed(hook);
    if (node->add_hook(listed))
        return {node_, std::move(hook)};
    hook->call();
    return {node_, nullptr};
}

bool context::registration::operator()() const noexcept {
    if (hook_ == nullptr)
        return false;
    if (auto* const node = detail::context_node::of(node_))
        return node->unregister(*hook_);
    bool const in_time = hook_->claim_unlisted(); // the hook is in no list, and is never called
    if (in_time)
        hook_->forget_function();
    return in_time;
}

bool context::cancelled() const noexcept {
    auto const* const node = detail::context_node::of(node_);
    return node != nullptr && node->why() != detail::cancel_reason::none;
}

std::error_code context::error() const noexcept {
    auto const* const node = detail::context_node::of(node_);
    switch (node != nullptr ? node->why() : detail::cancel_reason::none) {
    case detail::cancel_reason::none:
        break;
    case detail::cancel_reason::cancelled:
        return std::make_error_code(std::errc::operation_canceled);
    case detail::cancel_reason::timed_out:
        return std::make_error_code(std::errc::timed_out);
    }
    return {};
}

receiver<bool> context::done() const noexcept {
    auto const* const node = detail::context_node::of(node_);
    return node != nullptr && node->can_be_cancelled() ? detail::access::make<receiver<bool>>(node_)
                                                       : nullptr;
}

std::stop_token context::stop_token() const {
    auto* const node = detail::context_node::of(node_);
    return node != nullptr && node->can_be_cancelled() ? node->stop_token() : std::stop_token();
}

std::optional<context::time_point> context::deadline() const noexcept {
    auto const* const node = detail::context_node::of(node_);
    if (node == nullptr || node->earliest() == detail::never)
        return std::nullopt;
    return node->earliest();
}

} // namespace fiber
