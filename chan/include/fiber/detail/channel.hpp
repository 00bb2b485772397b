// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// channel.hpp: the untyped core of fiber::chan: a lock, a ring, and two queues of waiters. Installed, not
// API. chan/README.md has its invariants, and the owner of a value at each moment.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/deadline.hpp>
#include <fiber/detail/lock_state.hpp>
#include <fiber/detail/wait_list.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <utility>

namespace fiber::rt {
enum class wait_reason : std::uint8_t;
class stride_predictor;
struct channel_facts;
} // namespace fiber::rt

namespace fiber {

// The result of an operation. Only try_* return `empty` and `full`; only timed operations return `timeout`.
enum class op_status { success, empty, full, closed, timeout };

// Thrown by a send to a closed channel, and by a close of a closed or null channel. Go panics there.
class FIBER_API closed_channel : public std::logic_error {
public:
    explicit closed_channel(char const* what);
    ~closed_channel() override;
};

} // namespace fiber

namespace fiber::detail {

// What the core knows about its elements. The functions do not throw: an element with a move that may throw
// is sent in a box.
struct element_ops {
    std::size_t size;
    std::size_t align;
    void (*move)(void* to, void* from) noexcept; // into raw memory; `from` remains an object; null: memcpy
    void (*destroy)(void*) noexcept;             // null if there is nothing to do
};

class channel;

// An object that belongs to one of the library's own channels, and is destroyed with it.
class channel_attachment {
public:
    // Destroys the attachment. Called when the last reference is released, before the channel is destroyed.
    // Returns null, or a channel to which the attachment held a reference. The caller releases that
    // reference after it has destroyed this channel: a chain of any length needs no recursion.
    [[nodiscard]] virtual channel* on_last_release() noexcept = 0;

protected:
    ~channel_attachment() = default;
};

// The functions take a pointer because a null channel has operations, too. `value` is the sender's object,
// moved from on success only. `dst` is raw memory, which holds an object on success only.
class alignas(64) channel {
public:
    channel(channel const&) = delete;
    channel& operator=(channel const&) = delete;

    // Returns a channel with one reference. Throws std::length_error and std::bad_alloc.
    [[nodiscard]] FIBER_API static channel* make(element_ops const&, std::size_t capacity);
    [[noreturn]] FIBER_API static void throw_negative_capacity(long long negative);
    FIBER_API static void retain(channel*) noexcept;
    FIBER_API static void release(channel*) noexcept; // the last release destroys the buffered values

    // Takes a reference. Returns false if the count has reached zero: the channel is being destroyed.
    [[nodiscard]] static bool retain_unless_zero(channel*) noexcept;
    // Releases a reference. Returns false if it is the last one: the caller keeps it.
    [[nodiscard]] static bool release_unless_last(channel*) noexcept;
    // Must be called before another agent knows the channel.
    void attach(channel_attachment& c) noexcept { attachment_ = &c; }
    [[nodiscard]] channel_attachment* attachment() const noexcept { return attachment_; }

    FIBER_API static void send(channel*, void* value); // throws closed_channel
    [[nodiscard]] FIBER_API static op_status try_send(channel*, void* value) noexcept;
    [[nodiscard]] FIBER_API static op_status send_until(channel*, void* value, deadline) noexcept;
    [[nodiscard]] FIBER_API static bool recv(channel*,
                                             void* dst) noexcept; // returns false if closed and drained
    [[nodiscard]] FIBER_API static op_status try_recv(channel*, void* dst) noexcept;
    [[nodiscard]] FIBER_API static op_status recv_until(channel*, void* dst, deadline) noexcept;

    FIBER_API static void close(channel*); // throws closed_channel

    // Returns the status of a try_send that is sure to fail, without the lock. Else returns success.
    [[nodiscard]] FIBER_API static op_status send_readiness(channel const*) noexcept;
    [[nodiscard]] FIBER_API static bool closed(channel const*) noexcept;
    [[nodiscard]] FIBER_API static std::size_t size(channel const*) noexcept;
    [[nodiscard]] FIBER_API static std::size_t capacity(channel const*) noexcept;

    // For dumps. Returns false if it cannot be read.
    [[nodiscard]] static bool peek_facts(channel const*, rt::channel_facts&, int self) noexcept;

    // For select.cpp.
    class select_case_ref; // select_case_ref.hpp
    void lock() noexcept;  // channel_locked.hpp
    void unlock() noexcept;

private:
    struct waiter;
    enum side : std::uint8_t { senders, receivers };

    channel(element_ops const&, std::size_t capacity, std::byte* ring) noexcept;
    ~channel();

    // Require the lock: channel_locked.hpp.
    [[nodiscard]] op_status send_locked(void* value, waiter*& receiver) noexcept;
    [[nodiscard]] op_status recv_locked(void* dst, waiter*& sender) noexcept;
    // Take the lock. They return `empty` or `full` with the lock held, so that the caller can wait.
    // They return any other status with the lock released.
    [[nodiscard]] op_status send_or_stay_locked(void* value) noexcept;
    [[nodiscard]] op_status recv_or_stay_locked(void* dst) noexcept;
    // [chan.early] Return the status of an operation that is sure to fail, without the lock. Else return
    // success.
    [[nodiscard]] static op_status probe_send(channel const*) noexcept;
    [[nodiscard]] op_status probe_recv() const noexcept;

    void enqueue_locked(side, waiter&) noexcept;
    void withdraw_locked(side, waiter&) noexcept;
    [[nodiscard]] waiter* claim_locked(side) noexcept;
    [[nodiscard]] op_status wait_locked(side, void* slot) noexcept;
    [[nodiscard]] op_status wait_locked(side, void* slot, deadline) noexcept;
    void send_by_waiting(void* value);
    [[nodiscard]] bool recv_by_waiting(void* dst) noexcept;
    [[nodiscard]] static rt::wait_reason reason(side) noexcept;
    [[nodiscard]] bool claim_some_locked(wait_list& claimed, rt::stride_predictor& stride) noexcept;
    static void wake_closed(wait_list& claimed) noexcept;
    void forget_waiters() noexcept;

    void advance(std::byte*& position) const noexcept;
    void ring_push_locked(void* from) noexcept;
    void ring_pop_locked(void* to) noexcept;

    // All fields that the operations of an unbuffered channel touch are in one cache line.
    [[no_unique_address]] lock_state
        lock_;                          // guards the fields down to head_; atomics are also read without it
    std::atomic<bool> closed_{false};   // never reset
    std::atomic<bool> occupied_[2]{};   // true if waiting_ of this side is not empty
    std::atomic<std::size_t> count_{0}; // values in the ring
    wait_list waiting_[2]; // by side: senders, each with its value; receivers, each with memory for one
    std::size_t const capacity_;
    element_ops const* const ops_;

    std::byte* tail_; // the slot for the next value
    std::byte* head_; // the slot of the oldest value, if count_ > 0
    std::byte* const ring_;
    std::byte* const ring_end_;
    std::atomic<std::size_t> references_{1};
    channel_attachment* attachment_ = nullptr;
};

// One reference to a channel, or null. Copies share the channel.
class channel_ptr {
public:
    constexpr channel_ptr() noexcept = default;
    explicit channel_ptr(channel* owned) noexcept : channel_(owned) {}
    channel_ptr(channel_ptr const& other) noexcept : channel_(other.channel_) { channel::retain(channel_); }
    channel_ptr(channel_ptr&& other) noexcept : channel_(std::exchange(other.channel_, nullptr)) {}
    channel_ptr& operator=(channel_ptr other) noexcept {
        std::swap(channel_, other.channel_);
        return *this;
    }
    ~channel_ptr() {
        if (channel_ != nullptr)
            channel::release(channel_);
    }

    [[nodiscard]] channel* get() const noexcept { return channel_; }
    friend bool operator==(channel_ptr const&, channel_ptr const&) noexcept = default;

private:
    channel* channel_ = nullptr;
};

} // namespace fiber::detail
