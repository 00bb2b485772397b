// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// debug_layout.hpp: where a debugger finds the fibers in the memory of a process or of a core. The script
// runtime/debugger/fiber-gdb.py reads it. It needs no debugging information of the library.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fiber::rt {

// The script reads the members in this order, eight bytes each. A change of their number, order or meaning
// takes another version.
struct debug_layout {
    std::uint64_t version;
    std::uint64_t context;         // 1: Boost's, on the stack; 2: the native one, in the stack's record
    void const* records;           // where the address of the newest record_slab is
    void const* const* schedulers; // where the address of the first scheduler is
    char const* const* reasons;    // the names of wait reasons, by number
    std::uint64_t reason_count;
    // Offsets and sizes in bytes.
    std::uint64_t slab_records, slab_next, slab_made, chunks, chunk_size, records_in_chunk;
    std::uint64_t fiber_size, fiber_state, fiber_why, fiber_what, fiber_scheduler, fiber_name, fiber_stack,
        fiber_id, fiber_started_at;
    std::uint64_t stack_sp; // in the record of a stack; with the native context, the other registers follow
    std::uint64_t machine_next, machine_running, machine_thread;
    std::uint64_t scheduler_next, scheduler_machines;
};

// Called whenever a scheduler is listed. `schedulers` is where the address of the first one is.
void complete_debug_layout(void const* const* schedulers) noexcept;

} // namespace fiber::rt

extern "C" [[gnu::visibility("default")]] fiber::rt::debug_layout fiber_debug_layout;
