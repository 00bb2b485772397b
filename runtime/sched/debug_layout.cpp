// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/debug_layout.hpp"

#include "runtime/sched/fiber_pool.hpp"
#include "runtime/sched/machine.hpp"
#include "runtime/sched/scheduler.hpp"
#include "runtime/stack/stack.hpp"

extern "C" [[gnu::visibility("hidden")]] char const fiber_debug_script; // in runtime/debugger/script.S

namespace fiber::rt {
namespace {

constinit char const* reasons[32]{}; // more than there are

#if defined(FIBER_SWITCH_NATIVE)
constexpr std::uint64_t kind_of_context = 2;
#else
constexpr std::uint64_t kind_of_context = 1;
#endif

// These classes have private members, for which offsetof is conditionally supported. g++ and clang++ do.
#pragma GCC diagnostic ignored "-Winvalid-offsetof"

constexpr debug_layout layout{
    .version = 1,
    .context = kind_of_context,
    .records = &fiber_debug_records,
    .schedulers = nullptr, // complete_debug_layout()
    .reasons = reasons,
    .reason_count = std::size(reasons),
    .slab_records = offsetof(record_slab, records),
    .slab_next = offsetof(record_slab, next),
    .slab_made = offsetof(record_slab, made),
    .chunks = chunks_per_slab,
    .chunk_size = records_at_once * sizeof(fiber),
    .records_in_chunk = records_at_once,
    .fiber_size = sizeof(fiber),
    .fiber_state = offsetof(fiber, state),
    .fiber_why = offsetof(fiber, why),
    .fiber_what = offsetof(fiber, what),
    .fiber_scheduler = offsetof(fiber, scheduler),
    .fiber_name = offsetof(fiber, name),
    .fiber_stack = offsetof(fiber, stack),
    .fiber_id = offsetof(fiber, id),
    .fiber_started_at = offsetof(fiber, started_at),
    .stack_sp = offsetof(stack, context),
    .machine_next = offsetof(machine, next_made),
    .machine_running = offsetof(machine, running),
    .machine_thread = offsetof(machine, thread_id),
    .scheduler_next = offsetof(scheduler, next_listed),
    .scheduler_machines = offsetof(scheduler, machines) + machine_pool::offset_of_first(),
};

// The reference puts the script into the program.
[[gnu::used]] constinit char const* const script = &fiber_debug_script;

} // namespace

void complete_debug_layout(void const* const* schedulers) noexcept {
    for (std::size_t i = 0; i < std::size(reasons); ++i)
        reasons[i] = to_string(static_cast<wait_reason>(i)); // "" for others
    fiber_debug_layout.schedulers = schedulers;
}

} // namespace fiber::rt

// In writable memory: a core then has it even if the file of the program is gone. `used`: nothing in the
// program reads it, so link-time optimisation would leave it out.
[[gnu::used]] constinit fiber::rt::debug_layout fiber_debug_layout = fiber::rt::layout;
