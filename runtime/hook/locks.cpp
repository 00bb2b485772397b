// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// locks.cpp: counts the locks that a fiber holds. A recursive or error-checking mutex knows its owner by its
// OS thread. If its holder parked, another fiber of the thread would get the lock as well. The count belongs
// to the fiber, because a fiber may park in the library with a lock held, and go on in another OS thread.

#include "runtime/hook/hooked.hpp"

#include <cerrno>
#include <cstdio>
#include <pthread.h>
#include <threads.h>

using namespace fiber::hook_library;

namespace {

// Returns the record that counts; null outside of fibers, and in a child of vfork, which does not come back.
hook_record* counting() noexcept {
    hook_record* const record = record_on_own_stack(seam_of.any);
    return record != nullptr && !record->in_child ? record : nullptr;
}

int note_locked(int result) noexcept {
    if (result == 0 || result == EOWNERDEAD) // a robust mutex: locked
        if (hook_record* const r = counting())
            ++r->locks;
    return result;
}
int note_unlocked(int result) noexcept {
    if (result == 0)
        if (hook_record* const r = counting(); r != nullptr && r->locks != 0)
            --r->locks;
    return result;
}

} // namespace

// Allocators call the functions with FIBER_HOOK_EARLY.

FIBER_HOOK_EARLY(int, pthread_mutex_lock, (pthread_mutex_t * m), "__pthread_mutex_lock") {
    return note_locked(real_pthread_mutex_lock(m));
}
FIBER_HOOK_EARLY(int, pthread_mutex_trylock, (pthread_mutex_t * m), "__pthread_mutex_trylock") {
    return note_locked(real_pthread_mutex_trylock(m));
}
FIBER_HOOK(int, pthread_mutex_timedlock, (pthread_mutex_t * m, timespec const* until)) {
    return note_locked(real_pthread_mutex_timedlock(m, until));
}
FIBER_HOOK(int, pthread_mutex_clocklock, (pthread_mutex_t * m, clockid_t c, timespec const* until)) {
    return note_locked(real_pthread_mutex_clocklock(m, c, until));
}
FIBER_HOOK_EARLY(int, pthread_mutex_unlock, (pthread_mutex_t * m), "__pthread_mutex_unlock") {
    return note_unlocked(real_pthread_mutex_unlock(m));
}

FIBER_HOOK_EARLY(int, pthread_rwlock_rdlock, (pthread_rwlock_t * l), "__pthread_rwlock_rdlock") {
    return note_locked(real_pthread_rwlock_rdlock(l));
}
FIBER_HOOK_EARLY(int, pthread_rwlock_wrlock, (pthread_rwlock_t * l), "__pthread_rwlock_wrlock") {
    return note_locked(real_pthread_rwlock_wrlock(l));
}
FIBER_HOOK_EARLY(int, pthread_rwlock_tryrdlock, (pthread_rwlock_t * l), "__pthread_rwlock_tryrdlock") {
    return note_locked(real_pthread_rwlock_tryrdlock(l));
}
FIBER_HOOK_EARLY(int, pthread_rwlock_trywrlock, (pthread_rwlock_t * l), "__pthread_rwlock_trywrlock") {
    return note_locked(real_pthread_rwlock_trywrlock(l));
}
FIBER_HOOK(int, pthread_rwlock_timedrdlock, (pthread_rwlock_t * l, timespec const* until)) {
    return note_locked(real_pthread_rwlock_timedrdlock(l, until));
}
FIBER_HOOK(int, pthread_rwlock_timedwrlock, (pthread_rwlock_t * l, timespec const* until)) {
    return note_locked(real_pthread_rwlock_timedwrlock(l, until));
}
FIBER_HOOK(int, pthread_rwlock_clockrdlock, (pthread_rwlock_t * l, clockid_t c, timespec const* until)) {
    return note_locked(real_pthread_rwlock_clockrdlock(l, c, until));
}
FIBER_HOOK(int, pthread_rwlock_clockwrlock, (pthread_rwlock_t * l, clockid_t c, timespec const* until)) {
    return note_locked(real_pthread_rwlock_clockwrlock(l, c, until));
}
FIBER_HOOK_EARLY(int, pthread_rwlock_unlock, (pthread_rwlock_t * l), "__pthread_rwlock_unlock") {
    return note_unlocked(real_pthread_rwlock_unlock(l));
}

FIBER_HOOK(int, pthread_spin_lock, (pthread_spinlock_t * l)) {
    return note_locked(real_pthread_spin_lock(l));
}
FIBER_HOOK(int, pthread_spin_trylock, (pthread_spinlock_t * l)) {
    return note_locked(real_pthread_spin_trylock(l));
}
FIBER_HOOK(int, pthread_spin_unlock, (pthread_spinlock_t * l)) {
    return note_unlocked(real_pthread_spin_unlock(l));
}

static_assert(thrd_success == 0);
FIBER_HOOK(int, mtx_lock, (mtx_t * m)) { return note_locked(real_mtx_lock(m)); }
FIBER_HOOK(int, mtx_trylock, (mtx_t * m)) { return note_locked(real_mtx_trylock(m)); }
FIBER_HOOK(int, mtx_timedlock, (mtx_t * m, timespec const* until)) {
    return note_locked(real_mtx_timedlock(m, until));
}
FIBER_HOOK(int, mtx_unlock, (mtx_t * m)) { return note_unlocked(real_mtx_unlock(m)); }

// The lock of a FILE is recursive, too.
FIBER_HOOK(void, flockfile, (std::FILE * f)) {
    real_flockfile(f);
    note_locked(0);
}
FIBER_HOOK(int, ftrylockfile, (std::FILE * f)) { return note_locked(real_ftrylockfile(f)); }
FIBER_HOOK(void, funlockfile, (std::FILE * f)) {
    real_funlockfile(f);
    note_unlocked(0);
}

FIBER_HOOK_PART(locks)
