// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stack_extension.cpp: calls on a second stack, for with_stack.
//   invariant  `extension` of a fiber's stack, or of an OS thread, is the stack of its innermost such
//              call that has not returned. Each call restores the earlier value. Only the agent itself
//              changes it
// The second stack comes from the depot. Its last fiber may have left it suspended in the middle of
// fiber_main: the call stands below those frames.

#include "runtime/stack_extension.hpp"

#include "runtime/base/process/fatal.hpp"
#include "runtime/process/fork.hpp"
#include "runtime/sched/current.hpp"
#include "runtime/sched/fiber.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/stack/kind.hpp"
#include "runtime/stack/stack_class.hpp"
#include "runtime/stack/with_stack_request.hpp"

#include "asm/call/call_on_stack.hpp"

#include <fiber/stack.hpp>

#include <algorithm>
#include <pthread.h>
#include <utility>

namespace fiber::rt {
namespace {

// Used by OS threads only. An OS thread stays the same thread, so the addresses of these variables stay
// valid across a call.
thread_local stack* thread_extension = nullptr;
thread_local std::uintptr_t thread_stack_bottom = 0; // kept after the first query, which is slow

// Returns the calling fiber's stack, or null in an OS thread.
stack* own_stack() noexcept {
    if (machine const* const m = current_machine())
        return static_cast<fiber*>(m->running)->stack;
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

// Takes a stack from its class, and gives it back at the end of its life.
class pooled_stack {
public:
    explicit pooled_stack(stack_class& from) : stack_(&take(from)) {}
    ~pooled_stack() {
        stack_class& to = stack_->size_class;
        if (!stack_->canary_intact())
            fatal("stack overflow: a call by with_stack has used more than %zu KiB; there is no guard page "
                  "below",
                  to.size() / 1024);
        stack_->next = nullptr;
        to.give(stack_);
        to.unreserve(1);
    }
    pooled_stack(pooled_stack const&) = delete;
    pooled_stack& operator=(pooled_stack const&) = delete;

    [[nodiscard]] stack* get() const noexcept { return stack_; }
    [[nodiscard]] std::byte* top() const noexcept {
        constexpr std::size_t red_zone = 128;
        auto* const suspended = static_cast<std::byte*>(static_cast<void*>(stack_->context.sp));
        return suspended != nullptr ? suspended - red_zone : stack_->bottom() + stack_->usable();
    }

private:
    static stack& take(stack_class& from) {
        from.reserve(1);
        std::size_t one = 1;
        return *from.take(one, one);
    }
    stack* stack_;
};

// Makes `extension` the caller's innermost stack while the scope lives.
class extension_scope {
public:
    extension_scope(stack* own, stack* extension) noexcept
        : own_(own), before_(std::exchange(own != nullptr ? own->extension : thread_extension, extension)) {
        update_sanitizer();
    }
    ~extension_scope() {
        (own_ != nullptr ? own_->extension : thread_extension) = before_;
        update_sanitizer();
    }
    extension_scope(extension_scope const&) = delete;
    extension_scope& operator=(extension_scope const&) = delete;

private:
    void update_sanitizer() noexcept {
        if (own_ == nullptr)
            return;
        stack& on = own_->extension != nullptr ? *own_->extension : *own_;
        own_->context.sanitizer.set_stack(on.bottom(), on.usable());
    }
    stack* const own_;
    stack* const before_;
};

} // namespace

[[gnu::noinline]] std::uintptr_t bottom_of_stack(std::uintptr_t here) noexcept {
    stack const* on = own_stack();
    if (on == nullptr)
        on = stack_kept_over_fork();
    if (on != nullptr && on->extension != nullptr)
        on = on->extension;
    if (on == nullptr || !on->holds(here)) // [fork.thread] the caller may be another thread
        on = thread_extension;
    if (on != nullptr)
        return address(on->bottom());
    if (thread_stack_bottom == 0)
        thread_stack_bottom = find_bottom_of_thread();
    return thread_stack_bottom;
}

} // namespace fiber::rt

void fiber::detail::call_on_stack_extension(std::size_t bytes, void (*body)(void*), void* argument) {
    using namespace rt;
    if (call_on_segment(bytes, body, argument))
        return;
    // The bytes of a stack that body cannot use: the guard, the records, the frames of fiber_main.
    constexpr std::size_t overhead = guard_size + page_size;
    pooled_stack const extension = take_for_with_stack(bytes, [=] {
        return pooled_stack(stack_class::of_size(std::max(min_stack_size, bytes + overhead)));
    });
    extension_scope const there(own_stack(), extension.get());
    arch::call_on_stack(extension.get()->bottom(), extension.top(), body, argument);
}
