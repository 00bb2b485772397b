// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// hook.cpp: the library's side of the hook library: active, off, and what hook_seam.hpp offers.

#include <fiber/hook.hpp>

#include "runtime/base/process/fatal.hpp"
#include "runtime/exit_action.hpp"
#include "runtime/hook_lookups.hpp"
#include "runtime/hook_seam.hpp"
#include "runtime/io/watched_descriptor.hpp"
#include "runtime/sched/current.hpp"
#include "runtime/sched/fiber.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sleep.hpp"
#include "runtime/stack/kind.hpp"
#include "runtime/stack/stack.hpp"

#include <fiber/go.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <new>
#include <string_view>

namespace fiber::rt {
namespace {

// ── the settings ──

using bound_function = bool (*)() noexcept;
// relaxed: written before main, by the constructor of the hook library
constinit std::atomic<bound_function> is_bound{nullptr};

// Returns false if the list has a word that is no group.
bool parse(std::string_view list, hook_groups& wanted) noexcept {
    while (!list.empty()) {
        auto const word = list.substr(0, list.find(','));
        list.remove_prefix(std::min(word.size() + 1, list.size()));
        if (word == "io")
            wanted.io = true;
        else if (word == "sleep")
            wanted.sleep = true;
        else if (word == "dns")
            wanted.dns = true;
        else if (word == "tls")
            wanted.tls = true;
        else
            return false;
    }
    return true;
}

hook_groups attach(bound_function bound) noexcept {
    constexpr hook_groups all{true, true, true, true};
    hook_groups wanted{};
    char const* const value = std::getenv("FIBER_HOOK");
    if (value == nullptr || *value == '\0') {
        wanted = all;
    } else if (std::string_view(value) == "0") {
        return wanted;
    } else if (!parse(value, wanted)) {
        warn("FIBER_HOOK=%s is ignored: it must be 0, or a list of io, sleep, dns, tls", value);
        wanted = all;
    }
    is_bound.store(bound, std::memory_order_relaxed);
    return wanted;
}

// ── the caller ──

std::uintptr_t here() noexcept { return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)); }

// Finds the stack that the caller stands on, and begins a new record for a new fiber: [hook.record]
[[gnu::noinline]] hook_caller look(hook_record& record, fiber const& g, stack const& own,
                                   std::uintptr_t sp) noexcept {
    if (record.fiber_id != g.id) {
        record = {};
        record.fiber_id = g.id;
    }
    stack const& on = own.extension != nullptr ? *own.extension : own;
    if (on.holds(sp)) {
        record.low = reinterpret_cast<std::uintptr_t>(on.bottom());
        record.size = on.usable();
    } else if (bottom_of_segment() != 0) { // the segments lie anywhere: handlers tell of themselves
        record.low = 0;
        record.size = SIZE_MAX;
    } else {
        return {&record, false};
    }
    return {&record, true};
}

hook_caller caller() noexcept {
    machine const* const m = current_machine();
    if (m == nullptr || m->lease.inside())
        return {nullptr, false};
    fiber const* const g = m->running;
    if (g == nullptr)
        return {nullptr, false};
    stack& own = *static_cast<stack*>(g->stack);
    hook_record& record = own.hook;
    auto const sp = here();
    if (record.fiber_id == g->id && sp - record.low < record.size) [[likely]]
        return {&record, true};
    return look(record, *g, own, sp);
}

// Returns the record of the calling fiber, whatever stack it stands on. Null in an OS thread.
hook_record* record_of_fiber() noexcept {
    machine const* const m = current_machine();
    if (m == nullptr)
        return nullptr;
    fiber const& g = *m->running;
    hook_record& record = static_cast<stack*>(g.stack)->hook;
    if (record.fiber_id != g.id) {
        record = {};
        record.fiber_id = g.id;
    }
    return &record;
}

// relaxed: counts
void count_refusal(refusal why) noexcept {
    hooked_calls.refused[static_cast<std::size_t>(why)].fetch_add(1, std::memory_order_relaxed);
}
void count_parked() noexcept { hooked_calls.parked.fetch_add(1, std::memory_order_relaxed); }

// ── services ──

void call_blocking(void (*call)(void*) noexcept, void* argument) noexcept {
    blocking([=] { call(argument); });
}

void retry_waits_for(int fd) noexcept {
    adopt_descriptor(fd); // what is known about the number is forgotten, and its waiters look again
}

struct specific_exit : exit_action {
    specific_destructor destroy;
    void* specific;
};

bool at_exit(specific_destructor destroy, void* specific) noexcept {
    auto* const action = new (std::nothrow) specific_exit{};
    if (action == nullptr)
        return false;
    action->run = [](exit_action& it) noexcept {
        auto& mine = static_cast<specific_exit&>(it);
        mine.destroy(mine.specific);
        delete &mine;
    };
    action->destroy = destroy;
    action->specific = specific;
    try {
        at_exit_of_self(*action);
    } catch (std::bad_alloc const&) {
        delete action;
        return false;
    }
    return true;
}

} // namespace
} // namespace fiber::rt

constinit fiber::rt::hook_seam const fiber_hook_seam{
    .attach = fiber::rt::attach,
    .caller = fiber::rt::caller,
    .count_refusal = fiber::rt::count_refusal,
    .count_parked = fiber::rt::count_parked,
    .blocking = fiber::rt::call_blocking,
    .look_up = fiber::rt::look_up,
    .sleep_until = fiber::rt::sleep_until,
    .registered = &fiber::rt::registered_numbers,
    .end_waits_for = fiber::rt::end_waits_for,
    .retry_waits_for = fiber::rt::retry_waits_for,
    .at_exit = fiber::rt::at_exit,
    .read = fiber::io::read,
    .readv = fiber::io::readv,
    .write = fiber::io::write,
    .writev = fiber::io::writev,
    .pread = fiber::io::pread,
    .pwrite = fiber::io::pwrite,
    .preadv = fiber::io::preadv,
    .pwritev = fiber::io::pwritev,
    .recv = fiber::io::recv,
    .recvfrom = fiber::io::recvfrom,
    .recvmsg = fiber::io::recvmsg,
    .recvmmsg = fiber::io::recvmmsg,
    .send = fiber::io::send,
    .sendto = fiber::io::sendto,
    .sendmsg = fiber::io::sendmsg,
    .sendmmsg = fiber::io::sendmmsg,
    .accept = fiber::io::accept,
    .accept4 = fiber::io::accept4,
    .connect = fiber::io::connect,
    .poll = fiber::io::poll,
    .ppoll = fiber::io::ppoll,
    .sendfile = fiber::io::sendfile,
    .splice = fiber::io::splice,
};

namespace fiber::hook {

bool active() noexcept {
    auto const bound = rt::is_bound.load(std::memory_order_relaxed); // see there
    if (bound == nullptr)
        return false;
    if (bound())
        return true;
    constinit static std::atomic<bool> reported{false};
    if (!reported.exchange(true, std::memory_order_relaxed)) // orders nothing
        rt::warn("the hook library was loaded too late: read() is not its own. Link fiber::hook into the "
                 "program, or load libfiber_hook.so by LD_PRELOAD");
    return false;
}

off::off() noexcept {
    if (rt::hook_record* const record = rt::record_of_fiber())
        ++record->offs;
}

off::~off() {
    if (rt::hook_record* const record = rt::record_of_fiber(); record != nullptr && record->offs != 0)
        --record->offs;
}

} // namespace fiber::hook
