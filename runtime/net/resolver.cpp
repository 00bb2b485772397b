// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/net/resolver.hpp"

#include "runtime/base/process/assert.hpp"
#include "runtime/park.hpp"
#include "runtime/wait/wait_object.hpp"

#include <fiber/go.hpp>
#include <fiber/runtime.hpp>

#include <functional>
#include <memory>
#include <new>
#include <utility>

namespace fiber::rt {

class resolver::lookup {
public:
    enum class state : std::uint8_t { queued, running, done };

    lookup(std::string_view h, std::string_view s)
        : host(h), service(s), hash(std::hash<std::string_view>{}(h)*31 + std::hash<std::string_view>{}(s)) {}

    [[nodiscard]] bool equals(lookup const& other) const noexcept {
        return hash == other.hash && host == other.host && service == other.service;
    }

    std::string const host, service;
    std::size_t const hash;
    // Written by the fiber that runs the look-up, before it is done; constant afterwards.
    lookup_result result;
    // ── guarded by the resolver's lock ──
    state where = state::queued;
    unsigned uses = 1; // by callers, and by the fiber that runs it; the last one deletes it
    detail::wait_list waiters;
    lookup* next_in_bucket = nullptr;
    lookup* next_queued = nullptr;
    lookup* previous_queued = nullptr;
};

// ── the lists ──

namespace {
using resolver_lock = spin_word<lock_rank::wait_queue>;
} // namespace

void resolver::lock() noexcept {
    if (resolver_lock(lock_).lock_unchecked() == guarded_data::ours) [[likely]]
        return;
    bucket_.fill(nullptr); // [fork]
    first_queued_ = last_queued_ = nullptr;
    running_ = 0;
}

void resolver::unlock() noexcept { resolver_lock(lock_).unlock(); }

resolver::lookup*& resolver::bucket_of(lookup const& l) noexcept { return bucket_[l.hash % buckets]; }

void resolver::take_out_of_bucket(lookup& l) noexcept {
    lookup** link = &bucket_of(l);
    while (*link != &l)
        link = &(*link)->next_in_bucket;
    *link = l.next_in_bucket;
}

void resolver::push_queued(lookup& l) noexcept {
    l.previous_queued = last_queued_;
    (last_queued_ != nullptr ? last_queued_->next_queued : first_queued_) = &l;
    last_queued_ = &l;
}

void resolver::take_out_of_queue(lookup& l) noexcept {
    (l.previous_queued != nullptr ? l.previous_queued->next_queued : first_queued_) = l.next_queued;
    (l.next_queued != nullptr ? l.next_queued->previous_queued : last_queued_) = l.previous_queued;
    l.next_queued = l.previous_queued = nullptr;
}

// ── the callers ──

// One caller's use of a look-up.
class resolver::use {
public:
    use(resolver& r, lookup& l) noexcept : resolver_(r), lookup_(l) {}
    ~use() { resolver_.leave(lookup_); }
    use(use const&) = delete;
    use& operator=(use const&) = delete;

private:
    resolver& resolver_;
    lookup& lookup_;
};

lookup_result resolver::resolve(std::string_view host, std::string_view service, clock::time_point deadline) {
    lookup& mine = join_or_add(host, service);
    use const lasts(*this, mine);
    if (!wait_until_done(mine, deadline))
        return {std::make_error_code(std::errc::timed_out), {}};
    return mine.result;
}

// Returns a look-up that the caller must leave.
resolver::lookup& resolver::join_or_add(std::string_view host, std::string_view service) {
    auto added = std::make_unique<lookup>(host, service); // before the lock is taken
    lock();
    for (lookup* l = bucket_of(*added); l != nullptr; l = l->next_in_bucket) {
        if (l->equals(*added)) {
            ++l->uses;
            unlock();
            return *l;
        }
    }
    lookup& l = *added.release();
    l.next_in_bucket = std::exchange(bucket_of(l), &l);
    bool const may_run = running_ < max_running;
    if (may_run) {
        ++running_;
        ++l.uses;
        l.where = lookup::state::running;
    } else {
        push_queued(l);
    }
    unlock();
    if (may_run)
        start(l);
    return l;
}

void resolver::leave(lookup& l) noexcept {
    lock();
    bool const last = --l.uses == 0;
    if (last && l.where == lookup::state::queued) {
        take_out_of_queue(l);
        take_out_of_bucket(l);
    }
    unlock();
    if (last)
        delete &l;
}

// Returns false at the deadline.
bool resolver::wait_until_done(lookup& l, clock::time_point deadline) noexcept {
    lock();
    if (l.where == lookup::state::done) {
        unlock();
        return true;
    }
    bool const timed = deadline != never;
    waiter me(timed ? self().open_wait() : ticket{&self()});
    wait_queue(l.waiters).push_back(me);
    auto const commit = [this]() noexcept { unlock(); };
    if (!timed) {
        park(wait_reason::resolve, &l, commit);
        return true;
    }
    if (park_until(me.key, deadline, wait_reason::resolve, &l, commit) == wait_end::woken)
        return true;
    lock();
    if (me.queued()) // otherwise complete() has found that the deadline has won
        wait_queue(l.waiters).remove(me);
    unlock();
    return false;
}

// ── the fibers that run look-ups ──

// Starts a fiber for a look-up that has one of the max_running places. If no fiber can be had, the look-up
// fails, and the next one gets the place.
void resolver::start(lookup& l) noexcept {
    for (lookup* next = &l; next != nullptr; next = complete(*next)) {
        try {
            runtime::global().go({.name = library_names.resolver}, [this, next] { run(*next); }).detach();
            return;
        } catch (std::system_error const& e) {
            next->result.error = e.code();
        } catch (std::bad_alloc const&) {
            next->result.error = std::make_error_code(std::errc::not_enough_memory);
        }
    }
}

void resolver::run(lookup& l) noexcept {
    for (lookup* next = &l; next != nullptr; next = complete(*next)) {
        try {
            next->result = look_up_(next->host, next->service);
        } catch (std::system_error const& e) {
            next->result.error = e.code();
        } catch (std::bad_alloc const&) {
            next->result.error = std::make_error_code(std::errc::not_enough_memory);
        }
    }
}

// Ends a running look-up that has its result. Returns the queued look-up that takes over its place;
// returns null if none is queued.
resolver::lookup* resolver::complete(lookup& l) noexcept {
    detail::wait_list claimed_list;
    wait_queue claimed(claimed_list);
    lock();
    l.where = lookup::state::done;
    take_out_of_bucket(l);
    wait_queue waiters(l.waiters);
    while (waiter* const w = waiters.claim_front())
        claimed.push_back(*w);
    bool const last = --l.uses == 0;
    lookup* const next = first_queued_;
    if (next != nullptr) {
        take_out_of_queue(*next);
        next->where = lookup::state::running;
        ++next->uses;
    } else {
        FIBER_ASSERT(running_ > 0);
        --running_;
    }
    unlock();
    while (waiter* const w = claimed.pop_front())
        unpark(ticket(w->key)); // *w is gone: it was on the stack of the agent just woken
    if (last)
        delete &l;
    return next;
}

} // namespace fiber::rt
