// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// hook_record.hpp: what the hook library knows about one fiber. The record lies in the fiber's stack, so that
// it moves with the fiber and needs no allocation. Only the fiber's own thread uses it, a signal handler and
// a child of vfork included.
//
// [hook.record] Nobody clears the record when the stack gets another fiber. It names its fiber instead. The
//   first look-up by another fiber begins a new record.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace fiber::rt {

// A call that is under way, as the address of its frame tells. A handler that longjmp leaves does not end it.
//   invariant  while the call is under way, all frames of its callees are below `frame`
struct open_frame {
    std::uintptr_t frame = 0;          // 0: none
    std::uintptr_t return_address = 0; // on x86-64 the word at `frame`, while the call is under way
};

struct hook_record {
    std::uint64_t fiber_id = 0; // [hook.record] 0: no fiber's
    std::uintptr_t low = 0;     // the stack on which a call may park: the fiber's, or a stack extension
    std::size_t size = 0;
    std::uint32_t locks = 0;     // locks of libpthread that the fiber holds
    std::uint16_t offs = 0;      // objects of class hook::off
    bool in_child = false;       // a child of vfork uses the fiber's memory
    bool in_hooked_call = false; // and the call has not parked yet
    bool is_adding = false;      // specific.cpp makes room for a value
    std::uintptr_t handler = 0;  // frame of the innermost signal handler on this stack
    open_frame loader;           // dlopen or dlclose
    std::uintptr_t vfork_return = 0;
    void* specific = nullptr; // values of pthread keys: specific.cpp

    [[nodiscard]] bool is_free() const noexcept {
        return (locks | offs | static_cast<unsigned>(in_child)) == 0 && (handler | loader.frame) == 0;
    }
};

// Why a hooked call was made as the plain call.
enum class refusal : std::uint8_t { lock, handler, vfork, loader, off, foreign_stack };
inline constexpr std::size_t refusals = 6;

// Counts of the whole process. relaxed: they order nothing.
struct hook_counts {
    std::atomic<std::uint64_t> parked{0};
    std::atomic<std::uint64_t> refused[refusals]{};
};
inline constinit hook_counts hooked_calls;

} // namespace fiber::rt
