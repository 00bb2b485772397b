// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// queues.hpp: what a channel's user cannot see: who stands in its queues.
#pragma once

namespace fiber::detail {
class channel;
}
namespace fiber::rt {
class agent;
}

namespace tests {

// A waiter of the party is in one of the two queues, live or not. Those who do not wait must have none: it would lie
// in a frame that has been left.
[[nodiscard]] bool stands_in_a_queue(fiber::detail::channel const*, fiber::rt::agent const&) noexcept;

} // namespace tests
