// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/io/netpollers.hpp"

#include "runtime/base/lock/lock_adaptive.hpp"
#include "runtime/base/process/fatal.hpp"
#include "runtime/base/process/no_destructor.hpp"
#include "runtime/io/netpoller.hpp"
#include "runtime/park.hpp"
#include "runtime/sched/current.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/scheduler.hpp"

#include <fiber/runtime.hpp>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>

namespace fiber::rt {
namespace {

constinit no_destructor<std::mutex> list_mutex; // guards the list, and is held while a netpoller is made
constinit netpoller* first = nullptr;

scheduler* scheduler_of_caller() noexcept {
    if (machine const* const m = current_machine())
        return &m->scheduler;
    try {
        return &global_scheduler();
    } catch (std::exception const&) { // the caller waits without a runtime
        return nullptr;
    }
}

// Makes the netpoller of a scheduler, unless another thread has.
netpoller* make_netpoller(scheduler& of) noexcept {
    auto const hold = lock_adaptive(list_mutex.value);
    if (poller* const there = of.work.attached_poller())
        return static_cast<netpoller*>(there);
    auto made = netpoller::make(of);
    if (made == nullptr) {
        constinit static std::atomic<bool> reported{false};
        if (!reported.exchange(true, std::memory_order_relaxed)) // relaxed: orders nothing
            warn("cannot make an epoll set (%s): each fiber that waits for a descriptor blocks a thread",
                 std::strerror(errno));
        return nullptr;
    }
    netpoller* const it = made.get();
    it->next = first;
    first = it;
    of.work.attach(std::move(made));
    return it;
}

} // namespace

netpoller* netpoller_of_caller() noexcept {
    scheduler* const of = scheduler_of_caller();
    if (of == nullptr)
        return nullptr;
    poller* const there = of->work.attached_poller();
    return there != nullptr ? static_cast<netpoller*>(there) : make_netpoller(*of);
}

int descriptor_of(scheduler const& of, void const* slot) noexcept {
    poller const* const there = of.work.attached_poller();
    return there != nullptr ? static_cast<netpoller const*>(there)->number_of(slot) : -1;
}

void visit_netpollers(netpoller_visitor visit, void const* each) noexcept {
    detail::wait_list list;
    wait_queue woken(list);
    {
        auto const hold = lock_adaptive(list_mutex.value);
        for (netpoller* n = first; n != nullptr; n = n->next)
            visit(each, *n, woken);
    }
    while (waiter const* const w = woken.pop_front())
        unpark(w->key); // *w may be destroyed here
}

void forget_netpoller(netpoller& n) noexcept {
    auto const hold = lock_adaptive(list_mutex.value);
    netpoller** link = &first;
    while (*link != nullptr && *link != &n)
        link = &(*link)->next;
    if (*link != nullptr)
        *link = n.next;
}

std::mutex& netpollers_mutex() noexcept { return list_mutex.value; }

void drop_netpollers_of_parent() noexcept {
    for (netpoller* n = first; n != nullptr; n = n->next)
        n->close_descriptors();
    first = nullptr;
}

} // namespace fiber::rt
