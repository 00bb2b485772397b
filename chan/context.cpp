// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// context.cpp: the handle's side of contexts: context_node.hpp has the tree.
#include <fiber/context.hpp>

#include "chan/context_node.hpp"

#include <algorithm>

namespace fiber::detail {
context_value::~context_value() = default;
}

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
            node->cancel(detail::cancel_reason::timed_out);
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
        node->cancel(detail::cancel_reason::cancelled);
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
