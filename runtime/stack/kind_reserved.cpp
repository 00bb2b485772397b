// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// kind_reserved.cpp: stacks that are ranges of reserved address space, with a guard.
#include "runtime/stack/kind.hpp"

#include "runtime/base/platform/stack_order.hpp"
#include "runtime/stack/stack.hpp"

#include <algorithm>
#include <pthread.h>

namespace fiber::rt {

// Returns the layout of a slot. A page table maps 2 MiB, and most stacks are touched at their upper end
// alone. For stacks larger than 2 MiB, the upper end of one stack and the guard of the next are in the
// middle of the same page table. Each such stack needs one page table instead of two.
slot_shape shape_of(std::size_t slot_size) noexcept {
    constexpr unsigned colours = 16;
    static_assert(stack_period % colours == 0, "[stack.order]");
    return {.guard = guard_size,
            .canary = 512,
            .colours = colours,
            .phase = slot_size > page_table_span ? page_table_span / 2 : 0};
}

std::size_t default_stack_size() noexcept { return std::size_t{256} << 10; }

// Returns the C library's default size for threads: RLIMIT_STACK when the program started, usually
// 8 MiB; the library's own default if there is no limit; or the size that the program has set
// since.
std::size_t thread_stack_size() noexcept {
    std::size_t size = 0;
    pthread_attr_t defaults;
    if (::pthread_getattr_default_np(&defaults) == 0) {
        ::pthread_attr_getstacksize(&defaults, &size);
        ::pthread_attr_destroy(&defaults);
    }
    return std::min(size, max_stack_size);
}

void begin_running_fibers() noexcept {}
void end_running_fibers() noexcept {}

std::uintptr_t bottom_of_segment() noexcept { return 0; }
bool call_on_segment(std::size_t, void (*)(void*), void*) { return false; }

void lock_running_threads() noexcept {}
void unlock_running_threads() noexcept {}
void drop_threads_of_parent() noexcept {}

} // namespace fiber::rt
