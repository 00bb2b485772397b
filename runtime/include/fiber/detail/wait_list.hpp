// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// wait_list.hpp: the layout of a queue of waiters, as it stands inside public classes. What a waiter is, and
// all that can be done with the queue, is in the runtime's "runtime/wait_queue.hpp", which is not installed.
#pragma once

namespace fiber::rt {
struct waiter;
class wait_queue;
} // namespace fiber::rt

namespace fiber::detail {

// FIFO of waiters, one pointer wide: the last one, whose successor is the first. Guarded by a lock beside it.
class wait_list {
public:
    constexpr wait_list() noexcept = default;
    wait_list(wait_list const&) = delete;
    wait_list& operator=(wait_list const&) = delete;
    [[nodiscard]] bool empty() const noexcept { return last_ == nullptr; }

private:
    friend class rt::wait_queue;
    rt::waiter* last_ = nullptr;
};

} // namespace fiber::detail
