// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/stack/kind.hpp"
#include "runtime/stack/stack.hpp"

#include <algorithm>
#include <pthread.h>

namespace fiber::rt {

// A page table maps 2 MiB, and stacks are mostly touched at their upper end alone. Of those larger than that, the end of one and
// the guard of the next stand in the middle of one table, so that each stack costs one instead of two.
slot_shape shape_of(std::size_t slot_size) noexcept {
    return {.guard = guard_size,
            .canary = 512,
            .colours = 16,
            .phase = slot_size > page_table_span ? page_table_span / 2 : 0};
}

std::size_t default_stack_size() noexcept { return std::size_t{256} << 10; }

// What RLIMIT_STACK said when the program started, 8 MiB as a rule; without a limit, the C library has a size of its own; or
// what the program has set since.
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
