// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "tests/chan/interleavings/queues.hpp"

#include "runtime/wait/wait_queue.hpp"

#include <fiber/detail/channel.hpp>

namespace tests {
namespace {

using fiber::detail::channel;
using queues = fiber::detail::wait_list (&)[2];

queues queues_of(channel&) noexcept;

// An explicit instantiation may name private members.
template <auto Member>
struct opened {
    friend queues queues_of(channel& c) noexcept { return c.*Member; }
};
template struct opened<&channel::waiting_>;

} // namespace

bool stands_in_a_queue(channel const* c, fiber::rt::agent const& who) noexcept {
    if (c == nullptr)
        return false;
    for (auto& list : queues_of(const_cast<channel&>(*c))) {
        fiber::rt::waiter const* const first = fiber::rt::wait_queue(list).front();
        for (auto const* w = first; w != nullptr; w = w->next != first ? w->next : nullptr)
            if (w->key.who == &who)
                return true;
    }
    return false;
}

} // namespace tests
