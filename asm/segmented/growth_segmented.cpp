// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// growth_segmented.cpp: each OS thread's idle segments and stack limit.
#include "asm/segmented/growth_segmented.hpp"

#include <cpuid.h>
#include <pthread.h>
#include <utility>

// initial-exec: at a fixed distance from the thread pointer, where the assembly code expects it.
[[gnu::tls_model("initial-exec")]] thread_local fiber::arch::growth_slots fiber_arch_growth;
bool fiber_arch_has_xsave = false;

namespace fiber::arch {
namespace {

// morestack_x86_64.S repeats these values.
static_assert(offsetof(segment, next) == 0 && offsetof(segment, limit) == 8 &&
              offsetof(segment, room) == 16 && offsetof(segment, depth) == 24);
static_assert(offsetof(growth_slots, idle) == 0 && offsetof(growth_slots, own_stack) == 8 &&
              offsetof(growth_slots, own_stack_size) == 16);
static_assert(segment_slack == 768 && foreign_room == 65536 && max_idle_segments == 8);

// The maximum bytes of the scheduler context's frames. Leaf calls run below them.
constexpr std::size_t scheduler_room = std::size_t{32} << 10;

bool cpu_and_kernel_have_xsave() noexcept {
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_OSXSAVE) != 0;
}

constexpr std::uintptr_t limit_offset = 0x70; // from the thread pointer; glibc reserves this word

constinit segment no_room; // ends every list, so that no list is empty

// Set before the first fiber runs: no other code grows.
constinit segment_source const* source = nullptr;

segment_source const& source_of_segments() noexcept { return *__atomic_load_n(&source, __ATOMIC_RELAXED); }

[[noreturn]] void die(growth_error why, std::size_t bytes = 0) noexcept {
    source_of_segments().die(why, bytes);
    __builtin_trap();
}

} // namespace

void adopt_thread_for_growth(segment_source const& from) noexcept {
    __atomic_store_n(&source, &from, __ATOMIC_RELAXED); // relaxed: all threads store the same constant
    // Each thread detects it again, because a fork could leave the lock of a static local locked.
    // relaxed: all threads store the same value
    __atomic_store_n(&fiber_arch_has_xsave, cpu_and_kernel_have_xsave(), __ATOMIC_RELAXED);
    auto const top = (reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) - scheduler_room) &
                     ~(segment_alignment - 1);
    pthread_attr_t attributes;
    void* bottom = nullptr;
    std::size_t size = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        pthread_attr_getstack(&attributes, &bottom, &size);
        pthread_attr_destroy(&attributes);
    }
    std::uintptr_t thread_pointer;
    asm("movq %%fs:0, %0" : "=r"(thread_pointer));
    fiber_arch_growth = {.idle = &no_room,
                         .own_stack = reinterpret_cast<std::byte*>(top),
                         .own_stack_size = top - reinterpret_cast<std::uintptr_t>(bottom),
                         .limit = reinterpret_cast<std::byte**>(thread_pointer + limit_offset)};
}

growth_slots& this_thread_growth() noexcept { return fiber_arch_growth; }

segment* take_idle_segment() noexcept {
    growth_slots& mine = fiber_arch_growth;
    segment* const s = mine.idle;
    if (s == &no_room)
        return nullptr;
    mine.idle = s->next;
    return s;
}

void put_idle_segment(segment& s) noexcept {
    growth_slots& mine = fiber_arch_growth;
    s.next = mine.idle;
    s.depth = s.next->depth + 1;
    mine.idle = &s;
}

limit_suspension::limit_suspension() noexcept
    : limit_(current_limit()), outer_saved_limit_(fiber_arch_growth.saved_limit) {
    fiber_arch_growth.saved_limit = limit_;
    set_current_limit(nullptr);
}

limit_suspension::~limit_suspension() {
    fiber_arch_growth.saved_limit = outer_saved_limit_;
    set_current_limit(limit_);
}

segment_location interrupted_segment() noexcept {
    return segment_location::of(fiber_arch_growth.saved_limit);
}

std::byte* flow_limit() noexcept {
    std::byte* const aside = std::exchange(fiber_arch_growth.saved_limit, nullptr);
    std::byte* const limit = current_limit();
    return limit != nullptr ? limit : aside;
}

} // namespace fiber::arch

void fiber_arch_more_segments(std::size_t room) noexcept { fiber::arch::source_of_segments().add(room); }

void fiber_arch_fewer_segments() noexcept { fiber::arch::source_of_segments().trim(); }

void fiber_arch_parked_in_leaf_call() noexcept {
    fiber::arch::die(fiber::arch::growth_error::parked_in_leaf_call);
}

void fiber_arch_no_room_for_array(std::size_t bytes) noexcept {
    fiber::arch::die(fiber::arch::growth_error::no_room_for_array, bytes);
}

void fiber_arch_cannot_jump() noexcept { fiber::arch::die(fiber::arch::growth_error::cannot_jump); }
