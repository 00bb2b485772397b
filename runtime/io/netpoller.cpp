// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/io/netpoller.hpp"

#include "runtime/base/thread/descriptor_table.hpp"
#include "runtime/base/thread/unshare_descriptors.hpp"
#include "runtime/io/kernel_call.hpp"
#include "runtime/io/netpollers.hpp"
#include "runtime/io/registered_numbers.hpp"
#include "runtime/park.hpp"
#include "runtime/sched/current.hpp"
#include "runtime/sched/fiber.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/ready.hpp"
#include "runtime/sched/scheduler.hpp"
#include "runtime/stack/stack.hpp"

#include <cerrno>
#include <new>
#include <sys/epoll.h>
#include <utility>

namespace fiber::rt {
namespace {

constexpr std::uint32_t events_of(direction d) noexcept {
    return d == direction::read ? std::uint32_t{EPOLLIN} | EPOLLRDHUP | EPOLLPRI : std::uint32_t{EPOLLOUT};
}

} // namespace

std::unique_ptr<netpoller> netpoller::make(scheduler& of) noexcept {
    epoll_set set = epoll_set::make();
    if (!set.is_open())
        return nullptr;
    std::unique_ptr<netpoller> made(new (std::nothrow) netpoller(of, set));
    if (made == nullptr) {
        set.close();
        errno = ENOMEM;
    }
    return made;
}

netpoller::~netpoller() {
    forget_netpoller(*this);
    close_descriptors();
}

// ── the set ──

// Ensures that the set has the file for these events, and for the events that it has the file for already.
// Returns false, and sets errno, if the kernel refuses. The slot's lock is held across the system call, so
// that the generation does not change. It is rarely contended: the file has just been made.
bool netpoller::ensure_registered(int fd, poll_slot& s, std::uint32_t events) noexcept {
    auto const has = s.registered_;
    if ((has & events) == events)
        return true;
    if (has == 0) {
        registered_numbers.insert(fd);
        full_fence(); // [registered]
    }
    // ENOENT, EEXIST: the program has reused or adopted the number. It may do so again in between.
    bool is_in_set = has != 0;
    while (!(is_in_set ? set_.modify(fd, s.generation(), has | events)
                       : set_.add(fd, s.generation(), has | events))) {
        if (errno != (is_in_set ? ENOENT : EEXIST))
            return false;
        is_in_set = !is_in_set;
    }
    s.registered_ = has | events;
    return true;
}

poll_slot* netpoller::make_slot(int fd) noexcept {
    descriptors.note_use(fd, of_.machines.maker());
    return slots_.get(fd);
}

fiber_list netpoller::receive(clock::time_point until) noexcept {
    epoll_set::room events;
    detail::wait_list list;
    wait_queue woken(list);
    for (epoll_event const& e : set_.wait(events, until))
        deliver(e, woken);
    return make_runnable(woken);
}

void netpoller::deliver(epoll_event const& e, wait_queue& woken) noexcept {
    poll_slot* const s = slots_.find(epoll_set::number_of(e));
    if (s == nullptr) // the bell
        return;
    std::lock_guard const hold(s->lock_);
    if (s->generation() != epoll_set::generation_of(e)) // [slot.generation]
        return;
    auto const got = [&](std::uint32_t any) { return (e.events & any) != 0; };
    if (got(events_of(direction::read) | EPOLLHUP | EPOLLERR))
        s->note_event(direction::read, got(EPOLLRDHUP | EPOLLPRI | EPOLLHUP | EPOLLERR), woken);
    if (got(events_of(direction::write) | EPOLLHUP | EPOLLERR))
        s->note_event(direction::write, got(EPOLLHUP | EPOLLERR), woken);
}

// Makes the agents of claimed waiters runnable. Returns the fibers of this scheduler.
fiber_list netpoller::make_runnable(wait_queue& woken) noexcept {
    fiber_list mine;
    while (waiter const* const w = woken.pop_front()) {
        ticket const key = w->key;
        auto* const g = key.who->is_fiber() ? static_cast<fiber*>(key.who) : nullptr;
        if (g == nullptr || g->scheduler != &of_) {
            unpark(key);                     // *w may be destroyed here
        } else if (agent::mark_woken(key)) { // *w may be destroyed here
            g->move(fiber_state::parked, fiber_state::runnable);
            mine.push(*g);
        }
    }
    return mine;
}

// ── the contract with the scheduler ──

fiber_list netpoller::poll() noexcept {
    std::unique_lock const hold(polling_, std::try_to_lock);
    return hold.owns_lock() ? receive(clock::time_point{}) : fiber_list();
}

fiber_list netpoller::wait(clock::time_point until) noexcept {
    std::lock_guard const hold(polling_);
    // acq_rel: the watcher sees what the caller of interrupt() has done before [netpoller.interrupt]
    if (interrupted_.exchange(false, std::memory_order_acq_rel))
        return {};
    fiber_list woken = receive(until);
    interrupted_.exchange(false, std::memory_order_acq_rel); // [netpoller.interrupt]
    return woken;
}

void netpoller::interrupt() noexcept {
    if (interrupted_.exchange(true, std::memory_order_acq_rel)) // [netpoller.interrupt]
        return;
    if (!has_private_descriptors())
        set_.ring();
    else // sysmon does not have the eventfd
        of_.machines.maker().call([](void* set) noexcept { static_cast<epoll_set*>(set)->ring(); }, &set_);
}

void netpoller::ensure_watched() noexcept {
    machine const* const m = current_machine();
    if (m != nullptr && m->p != nullptr)
        return;
    full_fence(); // [poller.watch]
    of_.work.ensure_watcher();
    if (next_check() != never)
        of_.sysmon.ensure_awake(); // [sysmon.sleep]
}

// ── waits ──

namespace {

// Counts the caller's hooked call, once, if it is in one.
void count_hooked_call() noexcept {
    machine const* const m = current_machine();
    if (m == nullptr)
        return;
    fiber const& g = *m->running;
    hook_record& record = static_cast<stack*>(g.stack)->hook;
    if (!record.in_hooked_call || record.fiber_id != g.id)
        return;
    record.in_hooked_call = false;
    hooked_calls.parked.fetch_add(1, std::memory_order_relaxed); // a count
}

} // namespace

poll_end netpoller::wait_for(std::span<descriptor_waiter> waiters, clock::time_point deadline,
                             file_owner owner, wait_ends ends) noexcept {
    ticket const key = waiters.front().key;
    poll_end end = poll_end::ready;
    int error = 0;
    std::size_t queued = 0;
    begin_await();
    for (descriptor_waiter& w : waiters) {
        std::lock_guard const hold(w.in.lock_);
        if (!ensure_registered(w.fd, w.in, events_of(w.what))) {
            error = errno;
            end = error == EPERM ? poll_end::not_pollable : poll_end::failed;
            break;
        }
        if (w.in.ready(w.what).may_be_ready()) // [slot.ready]
            break;
        w.generation = w.in.generation();
        wait_queue(w.in.waiters_of(w.what)).push_back(w);
        ++queued;
    }
    bool popped = false; // by the event that has ended the wait
    if (bool const all = queued == waiters.size(); all || !agent::claim(key)) {
        bool const may_be_reused = all && owner == file_owner::program;
        if (may_be_reused)
            young_.add(waiters, ends == wait_ends::to_look);
        count_hooked_call();
        // Not all: an event has claimed the ticket already, and its wake is on the way.
        auto const how = park_until(key, all ? deadline : never, wait_reason::io, &waiters.front().in,
                                    [this] { ensure_watched(); });
        bool const to_look = may_be_reused && young_.remove(waiters);
        if (all)
            end = how != wait_end::woken ? poll_end::timed_out : to_look ? poll_end::look : poll_end::ready;
        popped = how == wait_end::woken && !to_look && waiters.size() == 1;
    }
    for (descriptor_waiter& w : waiters.first(popped ? 0 : queued)) {
        std::lock_guard const hold(w.in.lock_);
        wait_queue(w.in.waiters_of(w.what)).withdraw(w);
    }
    for (descriptor_waiter const& w : waiters)
        if (w.closed) { // ordered by the wake, or by the slot's lock
            error = EBADF;
            end = poll_end::failed;
        }
    end_await();
    if (error != 0)
        rt::fail(error); // the OS thread may be another one now
    return end;
}

// ── the owner of the descriptor ──

void netpoller::adopt(int fd, wait_queue& woken) noexcept {
    poll_slot* const s = slots_.find(fd);
    if (s == nullptr)
        return;
    std::lock_guard const hold(s->lock_);
    s->begin_generation(woken);
}

void netpoller::wake(int fd, direction d, wait_queue& woken) noexcept {
    poll_slot* const s = slots_.find(fd);
    if (s == nullptr)
        return;
    std::lock_guard const hold(s->lock_);
    s->note_event(d, false, woken);
}

void netpoller::release(int fd, wait_queue& woken) noexcept {
    poll_slot* const s = slots_.find(fd);
    if (s == nullptr)
        return;
    std::lock_guard const hold(s->lock_);
    if (s->registered_ != 0)
        set_.remove(fd);
    s->begin_generation(woken);
}

void netpoller::end_waits(int fd, wait_queue& woken) noexcept {
    poll_slot* const s = slots_.find(fd);
    if (s == nullptr)
        return;
    std::lock_guard const hold(s->lock_);
    for (direction const d : {direction::read, direction::write}) {
        waiter* const first = wait_queue(s->waiters_of(d)).front();
        waiter* w = first;
        if (w != nullptr)
            do
                static_cast<descriptor_waiter*>(w)->closed = true;
            while ((w = w->next) != first);
    }
    s->begin_generation(woken); // the kernel takes the file out of the set
}

// ── [netpoller.validate] ──

void netpoller::check(clock::time_point now) noexcept {
    if (!has_private_descriptors()) {
        make_checks(now);
        return;
    }
    std::pair it(this, now); // sysmon does not have the set
    of_.machines.maker().call(
        [](void* of) noexcept {
            auto const& [self, time] = *static_cast<decltype(it)*>(of);
            self->make_checks(time);
        },
        &it);
}

void netpoller::make_checks(clock::time_point now) noexcept {
    while (auto const due = young_.take_due(now)) {
        if (!due->ends_wait)
            validate(due->fd, due->in, due->generation);
        else if (agent::claim(due->key))
            unpark(due->key);
    }
}

void netpoller::validate(int fd, poll_slot& s, std::uint32_t generation) noexcept {
    detail::wait_list list;
    wait_queue woken(list);
    {
        std::lock_guard const hold(s.lock_);
        std::uint32_t events = 0;
        for (direction const d : {direction::read, direction::write})
            if (!wait_queue(s.waiters_of(d)).empty())
                events |= events_of(d);
        if (events == 0 || s.generation() != generation) // the wait is over, or has been looked after
            return;
        // Only these events: a writable file would be reported each time.
        if (set_.modify(fd, generation, events))
            s.registered_ = events;
        else if (errno == ENOENT)
            s.begin_generation(woken); // the waiters try again, and add the file
    }
    while (waiter const* const w = woken.pop_front())
        unpark(w->key);
}

} // namespace fiber::rt
