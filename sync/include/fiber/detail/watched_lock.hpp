// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// watched_lock.hpp: an exclusive_lock that FIBER_DEBUG=locks can watch. It does not store its kind:
// each call passes the kind, for messages.
#pragma once

#include <fiber/detail/config.hpp>
#include <fiber/detail/deadline.hpp>
#include <fiber/detail/deadline_or_stop.hpp>
#include <fiber/detail/exclusive_lock.hpp>
#include <fiber/detail/lock_kind.hpp>

namespace fiber::detail {

class FIBER_API watched_lock {
public:
    constexpr watched_lock() noexcept = default;
    watched_lock(watched_lock const&) = delete;
    watched_lock& operator=(watched_lock const&) = delete;

    void lock(lock_kind kind) noexcept { static_cast<void>(lock_before(kind, never)); }

    [[nodiscard]] bool try_lock(lock_kind kind) noexcept {
        if (!lock_.try_lock())
            return false;
        if (watching_locks) [[unlikely]]
            note_locked(kind);
        return true;
    }

    // Locks like lock(). Returns false if the mutex stayed locked until the deadline or the stop.
    bool lock_before(lock_kind kind, deadline_or_stop until) noexcept {
        if (watching_locks) [[unlikely]]
            return lock_watched(kind, until);
        return lock_.lock_before(until);
    }

    void unlock(lock_kind kind) noexcept {
        if (lock_.try_unlock_biased()) [[likely]] // never if the lock is watched: note_locked() forbids it
            return;                               // *this may be destroyed here
        if (watching_locks) [[unlikely]]
            about_to_unlock(kind);
        lock_.unlock(kind); // *this may be destroyed here
    }

    // Reports a mutex that is destroyed while it is locked or waited for. Called by the owning
    // class's destructor.
    void check_destroyable(lock_kind kind) const noexcept {
        if (lock_.is_locked() || lock_.has_waiters() || watching_locks) [[unlikely]]
            check_destroyable_slow(kind);
    }

private:
    bool lock_watched(lock_kind, deadline_or_stop until) noexcept;
    void note_locked(lock_kind) noexcept;
    void about_to_unlock(lock_kind) const noexcept;
    void check_destroyable_slow(lock_kind) const noexcept;

    exclusive_lock lock_;
};

} // namespace fiber::detail
