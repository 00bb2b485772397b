// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// queues.hpp: reads the queues of a channel, which are private.
#pragma once

namespace fiber::detail {
class channel;
}
namespace fiber::rt {
class agent;
}

namespace tests {

// Returns true if a waiter of the agent, live or dead, is in one of the two queues. An agent that does
// not wait must not have one: the frame of that waiter would not exist any more.
[[nodiscard]] bool stands_in_a_queue(fiber::detail::channel const*, fiber::rt::agent const&) noexcept;

} // namespace tests
