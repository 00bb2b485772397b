// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// watched_lock.cpp: what a mutex does under FIBER_DEBUG=locks (lock_watch.hpp), and at its destruction.
#include <fiber/detail/watched_lock.hpp>

#include "sync/lock_watch.hpp"
#include "sync/misuse.hpp"

namespace fiber::detail {

bool watched_lock::lock_watched(lock_kind kind, deadline_or_stop until) noexcept {
    if (until.when == never) // a lock with a deadline cannot deadlock; a lock with a stop token can
        rt::lock_watch::about_to_lock({this, kind});
    if (!lock_.lock_before(until))
        return false;
    note_locked(kind);
    return true;
}

void watched_lock::note_locked(lock_kind kind) noexcept {
    lock_.forbid_biased_unlock(); // it comes before about_to_unlock()
    rt::lock_watch::locked({this, kind});
}

void watched_lock::about_to_unlock(lock_kind kind) const noexcept {
    rt::lock_watch::about_to_unlock({this, kind});
}

void watched_lock::check_destroyable_slow(lock_kind kind) const noexcept {
    if (lock_.is_locked() || lock_.has_waiters())
        rt::report_destroyed_in_use(kind, this, lock_.has_waiters() ? "others wait for it" : "it is locked");
    if (watching_locks)
        rt::lock_watch::forget(this);
}

} // namespace fiber::detail
