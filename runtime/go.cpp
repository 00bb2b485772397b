// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// go.cpp: handle, thread_pin, blocking and this_fiber, each as a few calls of the scheduler.

#include <fiber/go.hpp>

#include "runtime/base/process/fatal.hpp"
#include "runtime/park.hpp"
#include "runtime/sched/current.hpp"
#include "runtime/sched/fiber.hpp"
#include "runtime/sched/hand_off.hpp"
#include "runtime/sched/join.hpp"
#include "runtime/sched/name.hpp"
#include "runtime/sched/pin.hpp"
#include "runtime/sched/scheduler.hpp"
#include "runtime/sched/switch_fiber.hpp"
#include "runtime/sched/thread_agent.hpp"
#include "runtime/sleep.hpp"
#include "runtime/stack/kind.hpp"
#include "runtime/stack_extension.hpp"

#include <sched.h>
#include <system_error>
#include <thread>
#include <utility>

namespace fiber {

bool handle::joinable_here() const noexcept {
    rt::machine const* const m = rt::current_machine();
    return fiber_ != nullptr && (m == nullptr || m->running != fiber_);
}

void handle::refuse(char const* operation) const {
    if (fiber_ == nullptr)
        throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                                std::string("fiber: ") + operation +
                                    " of a handle or thread that is not joinable");
    throw std::system_error(std::make_error_code(std::errc::resource_deadlock_would_occur),
                            std::string("fiber: ") + operation + " of a fiber by itself");
}

void handle::join() {
    if (!joinable_here()) [[unlikely]]
        refuse("join");
    rt::join(fiber_); // a tail call, so that no ret follows: see FIBER_RETURN_FROM_SWITCH
}

bool handle::join_if_ended() {
    if (!joinable_here()) [[unlikely]]
        refuse("join");
    if (!rt::join_if_ended(*fiber_))
        return false;
    fiber_ = nullptr;
    return true;
}

bool handle::join_before(detail::deadline when) {
    if (!joinable_here()) [[unlikely]]
        refuse("join");
    if (!rt::join_until(*fiber_, when))
        return false;
    fiber_ = nullptr;
    return true;
}

void handle::detach() {
    if (fiber_ == nullptr)
        refuse("detach");
    release();
}

void handle::release() noexcept { rt::detach(*std::exchange(fiber_, nullptr)); }

id handle::get_id() const noexcept { return fiber_ != nullptr ? fiber::id(fiber_->id) : fiber::id(); }

unsigned thread::hardware_concurrency() noexcept {
    rt::machine const* const m = rt::current_machine();
    return (m != nullptr ? m->scheduler : rt::global_scheduler()).processors.active();
}

bool running_in_fiber() noexcept { return rt::current_machine() != nullptr; }

thread_pin::thread_pin() {
    rt::machine* const m = rt::current_machine();
    if (m == nullptr)
        return;
    if (m->stand_in == nullptr) { // not pinned, or pinned without a stand-in
        rt::entered const inside(*m);
        rt::pin(*m);
    }
    ++m->pins;
    of_ = m->running;
}

thread_pin::~thread_pin() {
    rt::machine* const m = rt::current_machine();
    if (of_ == nullptr || m == nullptr) // m is null: [fork.thread]
        return;
    if (m->running != of_)
        rt::fatal("%s has destroyed a fiber::thread_pin of another fiber", rt::full_name(*m->running).text);
    rt::end_pin(*m);
}

void thread_pin::discard() noexcept {
    rt::machine* const m = rt::current_machine();
    if (of_ == nullptr || m == nullptr) // m is null: [fork.thread]
        return;
    if (m->running != of_)
        rt::fatal("%s has discarded the OS thread of another fiber's fiber::thread_pin",
                  rt::full_name(*m->running).text);
    m->discarded = true;
}

namespace detail {

blocking_region::blocking_region() noexcept {
    rt::machine* const m = rt::current_machine();
    if (m == nullptr)
        return;
    rt::entered const inside(*m);
    if (m->p != nullptr)
        rt::hand_off(*m);
}

blocking_region::~blocking_region() {
    rt::machine* const m = rt::current_machine();
    if (m == nullptr)
        return;
    rt::entered const inside(*m);
    // Takes an idle machine's processor, if there is one. Otherwise the fiber waits for a processor when it
    // next parks.
    static_cast<void>(rt::has_processor(*m));
}

} // namespace detail

namespace this_fiber {

id get_id() noexcept {
    rt::agent& me = rt::self();
    return fiber::id(me.is_fiber() ? std::uint64_t{static_cast<rt::fiber&>(me).id}
                                   : static_cast<rt::thread_agent&>(me).id);
}

void yield() noexcept {
    if (rt::machine* const m = rt::current_machine())
        rt::yield_fiber(*m);
    else
        ::sched_yield();
}

void sleep_until_deadline(detail::deadline when) noexcept {
    if (rt::current_machine() == nullptr) {
        std::this_thread::sleep_until(when);
        return;
    }
    rt::sleep_until(when);
}

std::string_view name() noexcept {
    rt::machine const* const m = rt::current_machine();
    char const* const text = m != nullptr ? static_cast<char const*>(m->running->name) : nullptr;
    return text != nullptr ? text : std::string_view();
}

// Never inlined, not even by link-time optimisation: its frame must be below its caller's.
[[gnu::noinline]] std::size_t stack_remaining() noexcept {
    auto const here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    std::uintptr_t const segment = rt::bottom_of_segment();
    return here - (segment != 0 ? segment : rt::bottom_of_stack(here));
}

} // namespace this_fiber
} // namespace fiber
