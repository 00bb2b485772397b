// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// wait_list.hpp: the data of a queue of waiters inside public classes. "runtime/wait/wait_queue.hpp",
// which is not installed, defines the waiter and all operations on the queue.
#pragma once

namespace fiber::rt {
struct waiter;
class wait_queue;
} // namespace fiber::rt

namespace fiber::detail {

// A FIFO of waiters in one pointer: a circular list, and the pointer to its last waiter. The lock
// beside it guards it.
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
