// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// kind_segmented.cpp: stacks that begin as half a page and grow by segments.
#include "runtime/stack/kind.hpp"

#include "runtime/base/platform/stack_order.hpp"
#include "runtime/base/process/no_destructor.hpp"
#include "runtime/stack/handlers_on_signal_stack.hpp"
#include "runtime/stack/segment.hpp"
#include "runtime/stack/stack.hpp"
#include "runtime/stack/with_stack_request.hpp"

#include "asm/segmented/growth_segmented.hpp"

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <system_error>

namespace fiber::rt {
namespace {

// Two stacks share a page.
constexpr std::size_t first_segment_size = 2048;

// The OS threads that run fibers. [fork] After fork(), the C library reuses the memory of the
// parent's threads for new threads of the child. That memory still holds the limit of a fiber's
// segment, so keep_only() clears it.
class running_threads {
public:
    void add(arch::growth_slots& t) noexcept {
        std::lock_guard const hold(lock);
        t.next_thread = first_;
        first_ = &t;
    }
    void remove(arch::growth_slots& t) noexcept {
        std::lock_guard const hold(lock);
        arch::growth_slots** at = &first_;
        while (*at != &t)
            at = &(*at)->next_thread;
        *at = t.next_thread;
    }
    void keep_only(arch::growth_slots& mine) noexcept {
        bool listed = false;
        for (arch::growth_slots* t = first_; t != nullptr; t = t->next_thread)
            if (t == &mine)
                listed = true;
            else
                *t->limit = nullptr;
        first_ = listed ? &mine : nullptr;
        if (listed)
            mine.next_thread = nullptr;
    }
    std::mutex lock; // guards first_

private:
    arch::growth_slots* first_ = nullptr;
};
constinit no_destructor<running_threads> threads;

// Resolves functions that the C library calls below virtual functions, before a fiber needs them.
// The dynamic linker needs kilobytes of stack when a function is called for the first time. A
// virtual call of code that is not split may run with less, because the linker does not see it.
// Each machine does this: a flag that it was done would need a lock, which could be held at a fork.
void resolve_virtual_functions() {
    for (std::error_category const* const c : {&std::generic_category(), &std::system_category()})
        static_cast<void>(c->message(ETIMEDOUT)); // the text is long enough to be allocated
}

} // namespace

slot_shape shape_of(std::size_t slot_size) noexcept {
    constexpr unsigned colours = 16, colours_of_dense = 4;
    static_assert(stack_period % colours == 0 && stack_period % colours_of_dense == 0, "[stack.order]");
    if (slot_size < min_stack_size)
        return {.guard = 0, .canary = 64, .colours = colours_of_dense, .phase = 0};
    return {.guard = guard_size, .canary = 512, .colours = colours, .phase = 0};
}

std::size_t default_stack_size() noexcept { return first_segment_size; }
std::size_t thread_stack_size() noexcept { return first_segment_size; } // it grows while there is memory

void begin_running_fibers() noexcept {
    resolve_virtual_functions();
    put_handlers_on_signal_stack();
    arch::adopt_thread_for_growth(pooled_segments);
    threads.value.add(arch::this_thread_growth());
}

void end_running_fibers() noexcept {
    threads.value.remove(arch::this_thread_growth());
    return_idle_segments();
}

std::uintptr_t bottom_of_segment() noexcept {
    return reinterpret_cast<std::uintptr_t>(arch::segment_location::of(arch::current_limit()).bottom);
}

// Adds the segment before the call, because __morestack cannot throw.
bool call_on_segment(std::size_t bytes, void (*body)(void*), void* argument) {
    if (arch::current_limit() == nullptr)
        return false;
    take_for_with_stack(bytes, [=] { add_segment(bytes + arch::foreign_room); });
    fiber_arch_call_with_room(bytes, body, argument);
    return true;
}

void lock_running_threads() noexcept { threads.value.lock.lock(); }
void unlock_running_threads() noexcept { threads.value.lock.unlock(); }
void drop_threads_of_parent() noexcept { threads.value.keep_only(arch::this_thread_growth()); }

} // namespace fiber::rt
