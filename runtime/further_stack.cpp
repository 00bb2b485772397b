// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// further_stack.cpp: calls that stand on a stack beside the caller's own.
//   invariant  `further` of a fiber's stack, or of an OS thread, is the innermost one of its calls that have not
//              returned; each call puts back what was there before. Only the party itself changes it
// The stack comes from the depot, where it may have been left in the middle of fiber_main: the call stands below that.

#include "runtime/further_stack.hpp"

#include "runtime/base/fatal.hpp"
#include "runtime/process/fork.hpp"
#include "runtime/sched/current.hpp"
#include "runtime/sched/fiber.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/stack/kind.hpp"
#include "runtime/stack/stack_class.hpp"
#include "runtime/stack/with_stack_request.hpp"

#include "asm/call_on_stack.hpp"

#include <fiber/stack.hpp>

#include <algorithm>
#include <pthread.h>
#include <utility>

namespace fiber::rt {
namespace {

// OS threads do not change their thread: what these are at stays right over a call.
thread_local stack* further_of_thread = nullptr;
thread_local std::uintptr_t bottom_of_thread = 0; // once asked for: the kernel is slow to tell

// The caller's own stack; null: an OS thread.
stack* own_stack() noexcept {
    if (machine const* const m = current_machine())
        return static_cast<fiber*>(m->running)->stk;
    return nullptr;
}

std::uintptr_t find_bottom_of_thread() noexcept {
    pthread_attr_t attributes;
    void* bottom = nullptr;
    std::size_t size = 0;
    if (::pthread_getattr_np(::pthread_self(), &attributes) == 0) {
        ::pthread_attr_getstack(&attributes, &bottom, &size);
        ::pthread_attr_destroy(&attributes);
    }
    return reinterpret_cast<std::uintptr_t>(bottom);
}

std::uintptr_t address(void const* p) noexcept { return reinterpret_cast<std::uintptr_t>(p); }

// A stack taken from its class, and given back.
class borrowed_stack {
public:
    explicit borrowed_stack(stack_class& from) : borrowed_(&take(from)) {}
    ~borrowed_stack() {
        stack_class& to = borrowed_->of;
        if (!borrowed_->canary_lives())
            fatal("stack overflow: a call by with_stack has used more than %zu KiB; there is no guard page "
                  "below",
                  to.size() / 1024);
        borrowed_->link = nullptr;
        to.give(borrowed_);
        to.unreserve(1);
    }
    borrowed_stack(borrowed_stack const&) = delete;
    borrowed_stack& operator=(borrowed_stack const&) = delete;

    [[nodiscard]] stack* get() const noexcept { return borrowed_; }
    [[nodiscard]] std::byte* top() const noexcept {
        constexpr std::size_t red_zone = 128;
        auto* const suspended = static_cast<std::byte*>(static_cast<void*>(borrowed_->context.sp));
        return suspended != nullptr ? suspended - red_zone : borrowed_->bottom() + borrowed_->usable();
    }

private:
    static stack& take(stack_class& from) {
        from.reserve(1);
        std::size_t one = 1;
        return *from.take(one, one);
    }
    stack* borrowed_;
};

// While it lives, the caller's innermost stack is another one.
class stand_on {
public:
    stand_on(stack* own, stack* further) noexcept
        : own_(own), before_(std::exchange(own != nullptr ? own->further : further_of_thread, further)) {
        tell_sanitizer();
    }
    ~stand_on() {
        (own_ != nullptr ? own_->further : further_of_thread) = before_;
        tell_sanitizer();
    }
    stand_on(stand_on const&) = delete;
    stand_on& operator=(stand_on const&) = delete;

private:
    void tell_sanitizer() noexcept {
        if (own_ == nullptr)
            return;
        stack& on = own_->further != nullptr ? *own_->further : *own_;
        own_->context.sanitizer.stands_on(on.bottom(), on.usable());
    }
    stack* const own_;
    stack* const before_;
};

} // namespace

[[gnu::noinline]] std::uintptr_t bottom_of_stack(std::uintptr_t here) noexcept {
    stack const* on = own_stack();
    if (on == nullptr)
        on = stack_kept_over_fork();
    if (on != nullptr && on->further != nullptr)
        on = on->further;
    if (on == nullptr || !on->holds(here)) // [fork.stranded] it may be another thread
        on = further_of_thread;
    if (on != nullptr)
        return address(on->bottom());
    if (bottom_of_thread == 0)
        bottom_of_thread = find_bottom_of_thread();
    return bottom_of_thread;
}

} // namespace fiber::rt

void fiber::detail::call_on_further_stack(std::size_t bytes, void (*body)(void*), void* argument) {
    using namespace rt;
    if (call_on_segment(bytes, body, argument))
        return;
    constexpr std::size_t beside =
        guard_size + page_size; // what is not the caller's: guard, records, fiber_main
    borrowed_stack const further = take_for_with_stack(bytes, [=] {
        return borrowed_stack(stack_class::of_size(std::max(least_stack_size, bytes + beside)));
    });
    stand_on const there(own_stack(), further.get());
    arch::call_on_stack(further.get()->bottom(), further.top(), body, argument);
}
